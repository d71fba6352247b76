"""Methods of the peft library: LoRA and its kin, Prefix-Tuning, prompt tuning, IA3."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from pricelm.core.errors import ConfigError
from pricelm.core.extras import require
from pricelm.language.methods.method import Method
from pricelm.language.network import TextRegressor
from pricelm.language.options import Options, check_number, check_whole_number

_NAME = "default"  # what peft calls an adapter that nobody named
_TASK = "FEATURE_EXTRACTION"
_LONGEST_PREFIX = 512


@dataclass(frozen=True)
class LoraOptions(Options):
    """Options of LoRA and DoRA.

    Parameters
    ----------
    rank : int, default 8
        Rank of each change.
    alpha : int, default 16
        A change counts ``alpha / rank``.
    dropout : float, default 0.0
        Dropout before each change.
    """

    rank: int = 8
    alpha: int = 16
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_whole_number("rank", self.rank, 1, 1024)
        check_whole_number("alpha", self.alpha, 1, 10_000)
        check_number("dropout", self.dropout, 0.0, 0.9)


@dataclass(frozen=True)
class AdaLoraOptions(LoraOptions):
    """Options of AdaLoRA.

    Parameters
    ----------
    first_rank : int, default 12
        Rank of every change at the start; ``rank`` is the average at the end.
    warmup_share : float, default 0.1
        Share of the steps before ranks begin to move.
    settled_share : float, default 0.3
        Share of the steps, at the end, in which they do not move any more.
    orthogonality : float, default 0.1
        Weight of the penalty that keeps the directions of a change apart.
    """

    first_rank: int = 12
    warmup_share: float = 0.1
    settled_share: float = 0.3
    orthogonality: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole_number("first_rank", self.first_rank, self.rank, 1024)
        check_number("warmup_share", self.warmup_share, 0.0, 0.5)
        check_number("settled_share", self.settled_share, 0.0, 0.5)
        check_number("orthogonality", self.orthogonality, 0.0, 100.0)


@dataclass(frozen=True)
class PrefixOptions(Options):
    """Options of Prefix-Tuning and prompt tuning.

    Parameters
    ----------
    tokens : int, default 16
        Learned positions before each text.
    """

    tokens: int = 16

    def __post_init__(self) -> None:
        check_whole_number("tokens", self.tokens, 1, _LONGEST_PREFIX)


class _PeftMethod(Method):
    """Wraps the backbone with peft; what can be folded into it is folded at the end."""

    folds: ClassVar[bool] = True

    def config(self) -> Any:
        """Return the configuration that peft takes."""
        raise NotImplementedError

    def apply(self, network: TextRegressor) -> None:
        """Add the adapter and freeze the backbone.

        Raises
        ------
        ConfigError
            If peft does not know how to adapt this kind of backbone.
        """
        peft = require("peft", extra="train", purpose=f"tune with method {self.name!r}")
        try:
            # peft asks transformers for a name that is to be renamed, which is nothing a user can change
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing")
                network.encoder = peft.get_peft_model(network.encoder, self.config())
        except (ValueError, KeyError, TypeError, AttributeError, NotImplementedError) as error:
            raise ConfigError(
                f"method {self.name!r} cannot adapt a backbone of type "
                f"{network.encoder.config.model_type!r}: {error}. Use method 'lora' or 'adapter'"
            ) from error

    def finish(self, network: TextRegressor) -> None:
        """Fold the adapter into the backbone's weights."""
        if self.folds:
            network.encoder = network.encoder.merge_and_unload()


class Lora(_PeftMethod):
    """Low-rank changes of every linear layer.

    References
    ----------
    Hu, E. J. et al. (2022). LoRA: low-rank adaptation of large language models. ICLR 2022.
    """

    options: LoraOptions
    options_class: ClassVar[type[Options]] = LoraOptions
    decomposes: ClassVar[bool] = False

    def config(self) -> Any:
        """Return a LoRA configuration."""
        from peft import LoraConfig

        return LoraConfig(
            r=self.options.rank,
            lora_alpha=self.options.alpha,
            lora_dropout=self.options.dropout,
            use_dora=self.decomposes,
            target_modules="all-linear",
            task_type=_TASK,
        )


class Dora(Lora):
    """LoRA that learns the length of each weight apart from its direction.

    References
    ----------
    Liu, S.-Y. et al. (2024). DoRA: weight-decomposed low-rank adaptation. ICML 2024.
    """

    decomposes = True


class AdaLora(_PeftMethod):
    """LoRA that starts with too high ranks and takes them away where they matter least.

    References
    ----------
    Zhang, Q. et al. (2023). AdaLoRA: adaptive budget allocation for parameter-efficient fine-tuning.
    ICLR 2023.
    """

    options: AdaLoraOptions
    options_class: ClassVar[type[Options]] = AdaLoraOptions

    def config(self) -> Any:
        """Return an AdaLoRA configuration; the length of the run is filled in by :meth:`start`."""
        from peft import AdaLoraConfig

        return AdaLoraConfig(
            init_r=self.options.first_rank,
            target_r=self.options.rank,
            lora_alpha=self.options.alpha,
            lora_dropout=self.options.dropout,
            orth_reg_weight=self.options.orthogonality,
            total_step=3,
            tinit=1,
            tfinal=1,
            target_modules="all-linear",
            task_type=_TASK,
        )

    def start(self, network: TextRegressor, total_steps: int) -> None:
        """Lay out when ranks move."""
        options, config = self.options, network.encoder.peft_config[_NAME]
        config.total_step = max(3, total_steps)
        config.tinit = max(1, int(options.warmup_share * config.total_step))
        config.tfinal = max(1, int(options.settled_share * config.total_step))
        config.deltaT = max(1, config.total_step // 50)

    def penalty(self, network: TextRegressor) -> Tensor | None:
        """Return how far the directions of the changes are from being orthogonal."""
        terms = []
        for name, parameter in network.encoder.named_parameters():
            if "lora_A" in name or "lora_B" in name:
                product = parameter @ parameter.T if "lora_A" in name else parameter.T @ parameter
                terms.append(
                    torch.linalg.matrix_norm(product - torch.eye(len(product), device=product.device))
                )
        return self.options.orthogonality * torch.stack(terms).mean()

    def after_step(self, network: TextRegressor, step: int) -> None:
        """Measure what each direction is worth and take the budget away from the least."""
        network.encoder.base_model.update_and_allocate(step)

    def state(self, network: TextRegressor) -> dict[str, Tensor]:
        """Return the measured worth of every direction, and which are switched off."""
        allocator = network.encoder.base_model.rankallocator
        state: dict[str, Tensor] = {}
        for kind in ("exp_avg_ipt", "exp_avg_unc"):
            state |= {f"{kind}:{name}": values for name, values in getattr(allocator, kind).items()}
        pattern = network.encoder.peft_config[_NAME].rank_pattern or {}
        return state | {f"pattern:{name}": torch.tensor(kept) for name, kept in pattern.items()}

    def restore(self, network: TextRegressor, state: Mapping[str, Tensor]) -> None:
        """Take back what :meth:`state` gave."""
        allocator = network.encoder.base_model.rankallocator
        found: dict[str, dict[str, Any]] = {"exp_avg_ipt": {}, "exp_avg_unc": {}, "pattern": {}}
        for key, values in state.items():
            kind, name = key.split(":", 1)
            found[kind][name] = values.tolist() if kind == "pattern" else values.clone()
        allocator.exp_avg_ipt, allocator.exp_avg_unc = found["exp_avg_ipt"], found["exp_avg_unc"]
        allocator.ipt = {name: torch.zeros_like(values) for name, values in allocator.exp_avg_ipt.items()}
        network.encoder.peft_config[_NAME].rank_pattern = found["pattern"]

    def report(self, network: TextRegressor) -> dict[str, Any]:
        """Return the rank that each linear layer has at the end."""
        ending = f".lora_E.{_NAME}"
        ranks = {
            name.removeprefix("base_model.model.").removesuffix(ending): int(parameter.count_nonzero())
            for name, parameter in network.encoder.named_parameters()
            if name.endswith(ending)
        }
        return {"ranks": ranks}


class Prefix(_PeftMethod):
    """Learned keys and values that every layer attends to before the text.

    References
    ----------
    Li, X. L. and Liang, P. (2021). Prefix-tuning: optimizing continuous prompts for generation. ACL 2021.
    """

    options: PrefixOptions
    options_class: ClassVar[type[Options]] = PrefixOptions
    folds = False

    def config(self) -> Any:
        """Return a Prefix-Tuning configuration."""
        from peft import PrefixTuningConfig

        return PrefixTuningConfig(num_virtual_tokens=self.options.tokens, task_type=_TASK)


class Prompt(_PeftMethod):
    """Learned tokens before the text.

    References
    ----------
    Lester, B., Al-Rfou, R. and Constant, N. (2021). The power of scale for parameter-efficient prompt tuning.
    EMNLP 2021.
    """

    options: PrefixOptions
    options_class: ClassVar[type[Options]] = PrefixOptions
    folds = False

    def config(self) -> Any:
        """Return a prompt tuning configuration."""
        from peft import PromptTuningConfig

        return PromptTuningConfig(num_virtual_tokens=self.options.tokens, task_type=_TASK)


class Ia3(_PeftMethod):
    """Learned factors of keys, values and the inner states of the feed-forward layers.

    References
    ----------
    Liu, H. et al. (2022). Few-shot parameter-efficient fine-tuning is better and cheaper than in-context
    learning. NeurIPS 2022.
    """

    def config(self) -> Any:
        """Return an IA3 configuration."""
        from peft import IA3Config

        return IA3Config(task_type=_TASK)
