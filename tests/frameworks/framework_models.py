"""Models that only tests define, in a module that can be imported as any user's could."""

from __future__ import annotations

import torch


class Net(torch.nn.Module):
    """Two layers whose sizes the constructor is given."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.init_arguments = {"inputs": inputs, "hidden": hidden}
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(inputs, hidden), torch.nn.BatchNorm1d(hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, 1)
        )

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.layers(rows)


class Tied(torch.nn.Module):
    """Two layers that share their weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(4, 4, bias=False)
        self.second = torch.nn.Linear(4, 4, bias=False)
        self.second.weight = self.first.weight

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.second(torch.relu(self.first(rows)))


class Forgetful(torch.nn.Module):
    """One that needs arguments and does not say which."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(size, 1)


class Odd(torch.nn.Module):
    """One with state that is no tensor."""

    def get_extra_state(self) -> dict[str, int]:
        return {"calls": 3}

    def set_extra_state(self, state: object) -> None:
        pass
