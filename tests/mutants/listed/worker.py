"""The worker, its client and files: what is refused, forgotten and kept whole."""

from tests.mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        "backend/ft2os/worker/channel.py",
        "if self._waiting + size > MAX_WAITING:",
        "if False:",
        ("tests/worker/test_channel.py",),
    ),
    Mutant(
        "backend/ft2os/worker/channel.py",
        "self._waiting -= size",
        "pass",
        ("tests/worker/test_channel.py",),
    ),
    Mutant(
        "backend/ft2os/worker/compose.py",
        'np.linalg.solve(frame, item["matrix"])',
        'item["matrix"]',
        ("tests/worker/test_stylize.py",),
    ),
    Mutant(
        "backend/ft2os/worker/compose.py",
        "np.repeat(held, counts) if any(held) else None",
        "None",
        ("tests/worker/test_server.py",),
    ),
    Mutant(
        "backend/ft2os/worker/store.py",
        "while self.size > self.capacity and len(self._held) > 1:",
        "while False:",
        ("tests/worker/test_server.py",),
    ),
    Mutant(
        "backend/ft2os/worker/store.py",
        "self._held.move_to_end(name)",
        "pass",
        ("tests/worker/test_store.py",),
    ),
    Mutant(
        "backend/ft2os/files.py",
        "os.replace(temporary, target)",
        "temporary.rename(target.with_suffix('.new'))",
        ("tests/test_files.py",),
    ),
    Mutant(
        "backend/ft2os/files.py",
        "_check_regular(path, facts.st_mode)",
        "pass",
        ("tests/test_files.py",),
    ),
    Mutant(
        "backend/ft2os/files.py",
        "for folder in new_folders:\n                folder.rmdir()",
        "pass",
        ("tests/test_files.py",),
    ),
    Mutant(
        "ft2os_blender/jobs/client.py",
        "if self.alive and silent > self._patience():",
        "if False:",
        ("tests/worker/test_client.py",),
    ),
    Mutant(
        "ft2os_blender/jobs/client.py",
        "if _release(theirs) == _release(ft2os.__version__):",
        "if True:",
        ("tests/worker/test_client.py",),
    ),
    Mutant(
        "ft2os_blender/jobs/client.py",
        "if len(line) > protocol.MAX_LINE:  # the",
        "if False:  # the",
        ("tests/worker/test_client.py",),
    ),
    Mutant(
        "ft2os_blender/scene/looks.py",
        'return attributes.read(item.id_data.data, "position")[rows] - then',
        "return np.zeros((len(rows), 3), np.float32)",
        ("tests/blender/test_objects.py",),
    ),
    Mutant(
        "ft2os_blender/scene/animation.py",
        'moved = f"ft2os.looks[{int(match[1]) - 1}]"',
        'moved = f"ft2os.looks[{int(match[1])}]"',
        ("tests/blender/test_looks.py",),
    ),
]
