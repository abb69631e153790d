"""What a configuration may say and hardly means: names that are nearly others, signatures that nobody trusts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from watchkeeper.config.loaded import LoadedConfig
from watchkeeper.domain.nearest import did_you_mean


def doubts_of(loaded: LoadedConfig) -> tuple[str, ...]:
    """A line for each, with its place in the file; nothing of it keeps the project from running."""
    config = loaded.config
    found: list[tuple[tuple[str, ...], str]] = []
    for name, model in config.models.items():
        if model.reference is None and ("models", name, "reference") not in loaded.left_out:
            told = "there is none: no check can be made before a version is registered with its rows"
            found.append((("models", name, "reference"), told))
    for name, role in config.roles.items():
        # people of the operating system and models of the registry alone are in no other section
        found += [(("roles", name, "who"), one) for one in _near_misses(role.who, config.identities, "identities")]
        found += [(("roles", name, "models"), one) for one in _near_misses(role.models, config.models, "models")]
    signer = config.registry.signs_as
    if signer is not None and signer not in config.signers:
        told = f"nobody trusts what {signer!r} signs: there is no [signers.{signer}]"
        found.append((("registry", "signs_as"), told + did_you_mean(signer, config.signers)))
    return tuple(f"{loaded.places.of(path)}: {'.'.join(path)}: {told}" for path, told in found)


def _near_misses(names: Iterable[str], known: Iterable[str], section: str) -> Iterator[str]:
    """Names without a pattern that are nearly, and not, one of the section's."""
    others = tuple(known)
    for name in names:
        if name not in others and not set(name) & set("*?[") and (near := did_you_mean(name, others)):
            yield f"there is no [{section}.{name}]{near}"
