"""Tiny real editors: pipelines of diffusers from configs, of random weights, saved as real ones are."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

SIDE = 32  # pixels of a picture


def instruct_pix2pix(seed: int = 0) -> Any:
    """A StableDiffusionInstructPix2PixPipeline: UNet, autoencoder, CLIP text tower and tokenizer."""
    diffusers, transformers, torch = _libraries()
    torch.manual_seed(seed)
    tokenizer = transformers.CLIPTokenizer(vocab=_letters(), merges=[], model_max_length=16)
    ends = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    text = transformers.CLIPTextConfig(
        hidden_size=32,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=2,
        vocab_size=len(tokenizer),
        max_position_embeddings=16,
        **ends,
    )
    unet = diffusers.UNet2DConditionModel(
        sample_size=16,
        in_channels=8,
        out_channels=4,
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=8,
    )
    autoencoder = diffusers.AutoencoderKL(
        block_out_channels=[32, 64],
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        latent_channels=4,
        scaling_factor=2.0,  # so that latents of random weights vary about as much as noise
    )
    schedule = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that there is no safety checker
        pipe = diffusers.StableDiffusionInstructPix2PixPipeline(
            unet=unet.eval(),
            scheduler=diffusers.EulerAncestralDiscreteScheduler(**schedule),
            vae=autoencoder.eval(),
            text_encoder=transformers.CLIPTextModel(text).eval(),
            tokenizer=tokenizer,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def klein(seed: int = 0) -> Any:
    """A Flux2KleinPipeline: transformer, autoencoder, Qwen3 and its byte-level tokenizer, of its classes."""
    diffusers, transformers, torch = _libraries()
    torch.manual_seed(seed)
    transformer = diffusers.Flux2Transformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,  # three layers of the text encoder
        timestep_guidance_channels=256,
        axes_dims_rope=[4, 4, 4, 4],
        guidance_embeds=False,
    )
    words = transformers.Qwen3Config(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=28,  # the pipeline reads layers 9, 18 and 27
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        vocab_size=400,
        max_position_embeddings=512,
    )
    autoencoder = diffusers.AutoencoderKLFlux2(
        sample_size=32,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(4, 4),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=1,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )
    pipe = diffusers.Flux2KleinPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=autoencoder.eval(),
        text_encoder=transformers.Qwen3ForCausalLM(words).eval(),
        tokenizer=_byte_tokenizer(transformers),
        transformer=transformer.eval(),
        is_distilled=True,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def save(pipe: Any, folder: Path) -> Path:
    """The pipeline as a folder."""
    pipe.save_pretrained(folder, safe_serialization=True)
    return folder


def _libraries() -> tuple[Any, Any, Any]:
    from ft2os.guidance import torchvision_shim

    torchvision_shim.ensure()
    import diffusers
    import torch
    import transformers

    return diffusers, transformers, torch


def _letters() -> dict[str, int]:
    """A vocabulary of single characters, with CLIP's mark for the end of a word."""
    letters = [chr(code) for code in range(ord("!"), ord("~") + 1)]
    tokens = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return {token: i for i, token in enumerate(tokens)}


def _byte_tokenizer(transformers: Any) -> Any:
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    vocabulary = {token: i for i, token in enumerate([*bytes_to_unicode().values(), *marks])}
    tokenizer = transformers.Qwen2Tokenizer(vocab=vocabulary, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": marks[1:], "pad_token": marks[0]})
    tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{m['role']}}\n{{m['content']}}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    return tokenizer
