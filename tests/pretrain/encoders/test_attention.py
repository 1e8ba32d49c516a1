"""Which attention kernel is taken, and that the flash kernel is really called where it is chosen."""

import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from pretrain.clips.augment import kept_cells
from pretrain.encoders.attention import attention_kernel, local_platform
from pretrain.encoders.conv import ConvConfig
from pretrain.encoders.encoder import attention_notes, make_encoder
from pretrain.encoders.frames import FrameConfig
from pretrain.encoders.vit import VideoViTConfig


@pytest.mark.parametrize(
    ("case", "kernel", "says"),
    [
        (("cuda", jnp.bfloat16, 64, 196), "cudnn", "bfloat16"),
        (("cuda", jnp.float16, 128, 2), "cudnn", "float16"),
        (("cuda", "float32", 64, 196), "xla", "not in float32"),
        (("cuda", jnp.bfloat16, 60, 196), "xla", "not of 60"),
        (("cuda", jnp.bfloat16, 136, 196), "xla", "not of 136"),
        (("cuda", jnp.bfloat16, 64, 197), "xla", "not 197"),
        (("gpu", jnp.bfloat16, 64, 196), "xla", "gpu"),
        (("tpu", jnp.bfloat16, 64, 196), "xla", "tpu"),
        (("cpu", jnp.bfloat16, 64, 196), "xla", "cpu"),
    ],
)
def test_kernel_and_its_reason(case, kernel, says):
    found, reason = attention_kernel(*case)
    assert found == kernel
    assert says in reason


def test_local_platform_is_a_name_that_jax_lowers_for():
    assert local_platform() == {"gpu": "cuda"}.get(jax.default_backend(), jax.default_backend())


class _Cudnn:
    """What stands in for cuDNN while a program for it is traced on a machine that has none."""

    @staticmethod
    def cudnn_get_version():
        return 91000


def lowered(monkeypatch, dtype, platform):
    """The training program of a small ViT for CUDA, as text."""
    monkeypatch.setattr("jax._src.cudnn.fused_attention_stablehlo.cuda_versions", _Cudnn)
    config = VideoViTConfig(width=16, depth=1, heads=2, tubelet=(2, 8, 8), frames=4, size=16)
    graph, params = nnx.split(make_encoder(config, rngs=nnx.Rngs(0), dtype=dtype, platform=platform))

    def loss(params, clips):
        return (nnx.merge(graph, params)(clips).vector ** 2).sum()

    return (
        jax.jit(jax.grad(loss))
        .trace(params, jnp.zeros((2, 4, 16, 16, 1)))
        .lower(lowering_platforms=("cuda",))
        .as_text()
    )


@pytest.mark.parametrize(
    ("dtype", "platform", "flash"),
    [(jnp.bfloat16, "cuda", True), (jnp.float32, "cuda", False), (jnp.bfloat16, "cpu", False)],
)
def test_flash_is_called_forward_and_backward_where_it_is_chosen(monkeypatch, dtype, platform, flash):
    text = lowered(monkeypatch, dtype, platform)
    assert ("__cudnn$fmhaSoftmax(" in text) == flash
    assert ("__cudnn$fmhaSoftmaxBackward(" in text) == flash


def test_notes_speak_of_the_tokens_that_are_seen():
    vit = {"width": 96, "heads": 3, "tubelet": (2, 8, 8), "frames": 8, "size": 56}
    joint = attention_notes(VideoViTConfig(**vit), jnp.bfloat16, share=0.1, platform="cuda")
    kept = kept_cells(jax.random.key(0), 1, 49, 0.1).shape[1]
    assert [n.split(":")[0] for n in joint] == [f"attention in space-time, {4 * kept} tokens"]
    assert ": cudnn (" in joint[0]
    factorised = attention_notes(VideoViTConfig(**vit, attention="factorised"), jnp.bfloat16, platform="cuda")
    assert [n.split(":")[0] for n in factorised] == ["attention in space, 49 tokens", "attention in time, 4 tokens"]
    assert [n.split(":")[1].split()[0] for n in factorised] == ["xla", "cudnn"]
    assert len(attention_notes(FrameConfig(), jnp.float32)) == 1
    assert attention_notes(ConvConfig(), jnp.float32) == []
