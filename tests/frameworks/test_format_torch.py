"""PyTorch: safetensors with a class, and exported programs."""

import io
import json

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from framework_models import Forgetful, Net, Odd, Tied  # noqa: E402 - only where torch is
from safetensors.torch import save  # noqa: E402 - the same

from watchkeeper.contracts.plugin import NoOptions  # noqa: E402 - the same
from watchkeeper.domain.errors import DataError, IntegrityError  # noqa: E402 - the same
from watchkeeper.testing.format import FormatContract, SampleModel  # noqa: E402 - the same
from watchkeeper_plugins.formats.torch import TorchFormat, build  # noqa: E402 - the same

ROWS = torch.linspace(-2, 2, 24).reshape(6, 4)


def trained() -> Net:
    """A few steps on a line, so that the running statistics are not those of the beginning."""
    torch.manual_seed(1)
    net = Net(4, 8)
    steps = torch.optim.SGD(net.parameters(), lr=0.01)
    for _ in range(5):
        steps.zero_grad()
        ((net(ROWS) - ROWS.sum(1, keepdim=True)) ** 2).mean().backward()
        steps.step()
    return net.eval()


def told(model: object) -> object:
    with torch.no_grad():
        return (model.module() if hasattr(model, "module") and callable(model.module) else model)(ROWS).numpy()


def exported() -> object:
    return torch.export.export(trained(), (ROWS,))


class TestTorchFormat(FormatContract):
    @pytest.fixture
    def subject(self) -> TorchFormat:
        return build(NoOptions())

    def models(self) -> list[SampleModel]:
        tied = Tied().eval()
        return [SampleModel(trained(), told), SampleModel(tied, told), SampleModel(exported(), told)]

    def stranger(self) -> bytes:
        return save({"layers.9.weight": torch.zeros(3)})


def saved(model: object) -> tuple[bytes, dict[str, str]]:
    kept = io.BytesIO()
    record = dict(build(NoOptions()).save(model, kept))
    return kept.getvalue(), record


def test_equal_modules_give_equal_bytes() -> None:
    assert saved(trained()) == saved(trained())


def test_a_module_comes_back_in_the_mode_it_was_saved_in() -> None:
    data, record = saved(trained().train())
    assert build(NoOptions()).load(io.BytesIO(data), record).training


def test_a_module_that_cannot_be_made_anew_is_refused_at_the_save() -> None:
    with pytest.raises(DataError, match=r"Forgetful cannot be made from its recorded arguments.*set init_arguments"):
        saved(Forgetful(3))


def test_state_that_is_no_tensor_is_refused_in_words() -> None:
    with pytest.raises(DataError, match="Odd keeps '_extra_state' as a dict in its state; only tensors can be saved"):
        saved(Odd())


def test_a_class_of_this_process_alone_is_refused() -> None:
    class Local(torch.nn.Module):
        pass

    with pytest.raises(DataError, match="Local exists in this process only"):
        saved(Local())


def test_arguments_that_json_cannot_hold_are_refused() -> None:
    net = trained()
    net.init_arguments = {"inputs": (1, 2)}
    with pytest.raises(DataError, match="init_arguments of Net must be what JSON gives back unchanged"):
        saved(net)


def test_a_record_that_names_something_else_than_a_module_builds_nothing() -> None:
    data, record = saved(trained())
    with pytest.raises(DataError, match=r"pathlib\.Path is no torch\.nn\.Module"):
        build(NoOptions()).load(io.BytesIO(data), {**record, "class": "pathlib.Path"})
    with pytest.raises(DataError, match="cannot be imported here"):
        build(NoOptions()).load(io.BytesIO(data), {**record, "class": "nowhere.Net"})


def test_a_program_with_an_operator_that_the_record_does_not_name_is_refused() -> None:
    data, record = saved(exported())
    with pytest.raises(IntegrityError, match="which its record does not name"):
        build(NoOptions()).load(io.BytesIO(data), {**record, "operators": json.dumps([])})
