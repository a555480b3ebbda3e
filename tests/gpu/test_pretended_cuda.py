"""The pretended GPU against CUDA's rules: what it takes, what it refuses, what it says."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ft2os import device  # noqa: E402
from ft2os.guidance.precision import FrozenNetwork  # noqa: E402
from ft2os.process import available_memory  # noqa: E402
from tests.gpu import pretended_cuda  # noqa: E402

pytestmark = pytest.mark.usefixtures("pretended_gpu")


def _there() -> torch.Tensor:
    return torch.arange(4.0, device="cuda")


MADE = {
    "zeros": lambda: torch.zeros(2, device="cuda"),
    "tensor": lambda: torch.tensor([1.0], device=torch.device("cuda")),
    "as_tensor": lambda: torch.as_tensor(np.ones(2), device="cuda"),
    "to": lambda: torch.from_numpy(np.ones(2)).to("cuda"),
    "to a type": lambda: torch.ones(2).to("cuda", torch.float16),
    "to another": lambda: torch.ones(2).to(_there()),
    "cuda": lambda: torch.ones(2).cuda(),
    "like": lambda: torch.zeros_like(_there()),
    "new": lambda: _there().new_ones(3),
    "computed": lambda: (_there() * 2 + 1).sum(),
    "with a number of the CPU": lambda: _there() * torch.tensor(2.0),
    "indexed by the CPU": lambda: _there()[torch.tensor([0, 2])],
    "taken apart": lambda: _there().reshape(2, 2).unbind()[0],
    "transposed": lambda: _there().reshape(2, 2).T,
    "sparse": lambda: torch.sparse_coo_tensor(
        torch.zeros(2, 1, dtype=torch.int64, device="cuda"), torch.ones(1, device="cuda"), (2, 2)
    ).coalesce().to_sparse_csr(),
    "a module's": lambda: next(torch.nn.Linear(2, 2).to("cuda").parameters()),
    "from a module": lambda: torch.nn.Linear(4, 2).to("cuda")(_there()),
}  # fmt: skip


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_it_lives_on_the_gpu(make):
    made = make()
    assert made.device == torch.device("cuda", 0)
    assert made.is_cuda
    back = made.cpu()
    assert back.device == torch.device("cpu")
    assert made.is_cuda


REFUSED = {
    "two devices": lambda: _there() + torch.ones(4),
    "in a list": lambda: torch.stack([_there(), torch.ones(4)]),
    "an index there of a tensor here": lambda: torch.ones(4)[torch.tensor([0], device="cuda")],
    "a mask there of a tensor here": lambda: torch.ones(4)[_there() > 1],
    "a choice by rows here": lambda: _there().index_select(0, torch.tensor([0])),
    "numpy": lambda: _there().numpy(),
    "an array": lambda: np.asarray(_there()),
    "in place": lambda: torch.ones(4).add_(_there()),
    "a module here": lambda: torch.nn.Linear(4, 2)(_there()),
    "a gradient here": lambda: setattr(_there(), "grad", torch.ones(4)),
}


@pytest.mark.parametrize("do", REFUSED.values(), ids=REFUSED)
def test_what_cuda_refuses_is_refused(do):
    with pytest.raises((RuntimeError, TypeError), match=r"cuda|cpu|device"):
        do()


def test_memory_is_not_shared_between_the_two():
    here = torch.ones(2)
    there = here.to("cuda")
    there += 1
    assert here.tolist() == [1, 1]
    here.copy_(there)
    assert here.tolist() == [2, 2]
    assert not here.is_cuda


def test_gradients_and_optimisers_stay_there():
    start = torch.ones(3, device="cuda", requires_grad=True)
    adam = torch.optim.Adam([start], lr=0.1)
    (start * _there()[:3]).sum().backward()
    assert start.grad.is_cuda
    assert start.grad.tolist() == [0, 1, 2]
    adam.step()
    assert adam.state[start]["exp_avg"].is_cuda
    assert start.is_cuda
    assert start.tolist() == pytest.approx([1, 0.9, 0.9])


def test_threads_have_it_too():
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(_there).result().is_cuda


def test_the_process_finds_it_and_leaves_it_alone_where_told(monkeypatch):
    assert device.best_device() == "cuda"
    monkeypatch.setenv("FT2OS_DEVICE", "cpu")
    assert device.best_device() == "cpu"


def test_its_free_memory_bounds_a_job(monkeypatch):
    monkeypatch.delenv("FT2OS_MEMORY", raising=False)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 3 << 30)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: 1 << 30)
    # 8 GiB are free to the driver, and 2 more to torch's allocator alone.
    assert available_memory("cuda") == int(0.8 * (10 << 30))


@pytest.mark.parametrize(("capability", "kind"), [((8, 6), torch.bfloat16), ((7, 5), torch.float16)])
def test_a_network_is_computed_in_the_half_precision_that_the_gpu_has(capability, kind):
    seen = []
    with pretended_cuda.present(capability=capability):
        network = torch.nn.Linear(8, 8).to("cuda")

        def run(pictures):
            found = network(pictures)
            seen.append(found.dtype)
            return found

        compute = FrozenNetwork(network, run)
        pictures = torch.rand(2, 8, device="cuda", requires_grad=True)
        found = compute(pictures)
        found.square().sum().backward()
        exact = network(pictures)
    assert seen == [kind]
    assert found.dtype == torch.float32
    assert found.is_cuda
    assert 0 < (found - exact).abs().max() < 0.05
    assert torch.isfinite(pictures.grad).all()
    assert pictures.grad.abs().max() > 0
