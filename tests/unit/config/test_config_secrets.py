"""Secrets: when they are looked up, what is told when they are not there, and that nothing prints them."""

import pytest

from watchkeeper.config import LoadedConfig, PluginUse
from watchkeeper.config.problems import quoted
from watchkeeper.config.schema import Config, NotifierConfig, ProjectConfig
from watchkeeper.config.secrets import Secrets, covered, filled, masked, without_password
from watchkeeper.domain.errors import ConfigError, PluginBroken, UsageError

TEXT = """\
[project]
name = "desk"
[notifiers.ops]
kind = "webhook"
url = "env:HOOK_URL"
port = "env:HOOK_PORT"
pin = "file:pin.txt"
headers = { Authorization = "env:TOKEN", Plain = "x" }
certificate = "certificates/ca.pem"
"""
ENVIRONMENT = {"HOOK_URL": "https://hook.example/T0P", "HOOK_PORT": "8080", "TOKEN": "Bearer T0P"}


@pytest.fixture
def loaded(read, tmp_path):
    (tmp_path / "pin.txt").write_text("1234\n")
    return read(TEXT, ENVIRONMENT)


def refusal(call):
    with pytest.raises(ConfigError) as caught:
        call()
    return list(caught.value.problems)


def test_options_come_with_their_secrets_and_absolute_paths(loaded, plugins, tmp_path):
    options = loaded.options(loaded.config.notifiers["ops"].plugin, plugins)

    assert options.url == "https://hook.example/T0P"
    assert options.port == 8080
    assert options.pin == "1234"
    assert options.headers == {"Authorization": "Bearer T0P", "Plain": "x"}
    assert options.certificate == tmp_path / "certificates/ca.pem"


def test_secrets_in_lists_are_looked_up_too(tmp_path):
    secrets = Secrets({"A": "one"}, tmp_path)
    options = {"keys": ["env:A", "plain", {"inner": ("env:A",)}]}

    assert filled(options, secrets.looked_up(options)) == {"keys": ["one", "plain", {"inner": ["one"]}]}
    assert options["keys"][0] == "env:A"


def test_nothing_that_prints_a_configuration_prints_a_secret(loaded):
    assert "T0P" not in repr(loaded)
    assert "1234" not in repr(loaded)


def test_reading_a_file_looks_up_no_secret(read):
    assert read(TEXT).config.notifiers["ops"].plugin.options["url"] == "env:HOOK_URL"


def test_every_missing_secret_is_told_with_its_key_and_variable(read, plugins):
    loaded = read(TEXT, {"HOOK_PORT": "8080", "TOKEN": ""})

    assert refusal(lambda: loaded.options(loaded.config.notifiers["ops"].plugin, plugins)) == [
        (
            "watchkeeper.toml:5: notifiers.ops.url reads the variable HOOK_URL, which is not set; set it where "
            "watchkeeper runs"
        ),
        (
            f"watchkeeper.toml:7: notifiers.ops.pin reads the file {loaded.config.folder / 'pin.txt'}, which cannot be "
            "opened: No such file or directory"
        ),
        (
            "watchkeeper.toml:8: notifiers.ops.headers.Authorization reads the variable TOKEN, which is empty; set it "
            "where watchkeeper runs"
        ),
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty; expected the secret alone"),
        (b"\xff", "not UTF-8 text; expected the secret alone"),
        (b"x" * 65_537, "longer than 64 KiB; expected the secret alone"),
    ],
    ids=["empty", "binary", "large"],
)
def test_a_file_that_holds_no_secret_says_why(loaded, plugins, tmp_path, content, told):
    (tmp_path / "pin.txt").write_bytes(content)

    assert refusal(lambda: loaded.options(loaded.config.notifiers["ops"].plugin, plugins)) == [
        f"watchkeeper.toml:7: notifiers.ops.pin reads the file {tmp_path / 'pin.txt'}, which is {told}"
    ]


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("env:MY-VAR", 'is "env:MY-VAR"; expected "env:" and the name of a variable: letters, digits and _'),
        ("file:", 'is "file:"; expected "file:" and the path of a file that holds the secret'),
    ],
)
def test_a_malformed_reference_is_a_mistake_of_the_file(problems, reference, told):
    text = TEXT.replace("env:HOOK_URL", reference)

    assert problems(text) == [f"watchkeeper.toml:5: notifiers.ops.url {told}"]


def test_options_beside_a_secret_are_checked_when_the_file_is_read(problems):
    text = TEXT + "timeout_seconds = 'x'\ntimeout = 1\n"

    assert problems(text) == [
        "watchkeeper.toml:10: notifiers.ops.timeout_seconds: found 'x' (text), expected a number",
        (
            "watchkeeper.toml:11: notifiers.ops.timeout: not an option; did you mean 'timeout_seconds'?; known: url, "
            "timeout_seconds, port, headers, certificate, pin, note"
        ),
    ]


def test_what_a_plugin_says_of_a_secret_is_told_without_it(read, plugins, tmp_path):
    (tmp_path / "pin.txt").write_text("1234")
    loaded = read(TEXT, {**ENVIRONMENT, "HOOK_URL": "ftp://T0P"})

    assert refusal(lambda: loaded.options(loaded.config.notifiers["ops"].plugin, plugins)) == [
        "watchkeeper.toml:3: notifiers.ops: '***' is no address: expected http:// or https://"
    ]


def test_a_secret_of_the_wrong_type_is_told_without_it(read, plugins, tmp_path):
    (tmp_path / "pin.txt").write_text("1234")
    loaded = read(TEXT, {**ENVIRONMENT, "HOOK_PORT": "T0P"})

    assert refusal(lambda: loaded.options(loaded.config.notifiers["ops"].plugin, plugins)) == [
        "watchkeeper.toml:6: notifiers.ops.port: found '***' (text), expected a whole number"
    ]


def test_the_store_is_found_beside_the_file(read, tmp_path):
    address = read('[project]\nname = "desk"\n').storage()

    assert address.name == "sqlite"
    assert address.path == tmp_path / "watch"
    assert address.url == f"sqlite:///{tmp_path}/watch"


def test_an_absolute_path_and_a_host_stay_as_they_are(read):
    absolute = read('[project]\nname = "desk"\nstorage = "sqlite:////data/watch"\n').storage()
    host = read('[project]\nname = "desk"\nstorage = "postgresql://u:T0P@db/watch"\n').storage()

    assert absolute.url == "sqlite:////data/watch"
    assert (host.url, host.path) == ("postgresql://u:T0P@db/watch", None)
    assert "T0P" not in repr(host)


def test_the_stores_url_may_be_a_secret(read):
    text = '[project]\nname = "desk"\nstorage = "env:STORE"\n'

    assert read(text, {"STORE": "postgresql://u:T0P@db/watch"}).storage().url == "postgresql://u:T0P@db/watch"
    assert refusal(read(text).storage) == [
        "watchkeeper.toml:3: project.storage reads the variable STORE, which is not set; set it where watchkeeper runs"
    ]
    assert refusal(read(text, {"STORE": "T0P"}).storage) == [
        (
            'watchkeeper.toml:3: project.storage: expected a storage URL such as "sqlite:///watch", or "env:NAME" of a '
            "variable that holds one"
        )
    ]


def test_what_would_fail_later_is_told_together(read, plugins):
    loaded = read(TEXT.replace('"desk"', '"desk"\nstorage = "env:STORE"'), {"STORE": "mysql://u:T0P@db/watch"})

    found = loaded.mistakes_at_use(plugins)

    assert [line.partition(": ")[0] for line in found] == [f"watchkeeper.toml:{line}" for line in (3, 6, 7, 8, 9)]
    assert found[0].startswith('watchkeeper.toml:3: project.storage asks for the storage plugin "mysql"; installed: ')


def test_plugins_that_are_used_by_default_must_be_installed_too(read, plugins):
    text = '[project]\nname = "d"\n[models.m]\ntask = "regression"\nwindow = "1h"\ndrift = []\n'

    found = read(text + 'columns = { time = "t", prediction = "p" }\n').mistakes_at_use(plugins)

    assert found == (
        (
            'watchkeeper.toml:3: models.m.metrics[1] asks for the metric plugin "rmse"; installed: accuracy, f1, mae; '
            "`pip install` the package that provides it, see `watchkeeper plugins list`"
        ),
    )


def test_options_behind_a_class_that_cannot_be_read_say_so(read, plugins):
    use = PluginUse("odd")
    loaded = LoadedConfig(Config(project=ProjectConfig(name="d"), notifiers={"n": NotifierConfig(plugin=use)}))

    assert refusal(lambda: loaded.options(use, plugins)) == [
        "the configuration: notifiers.n: NameError: name 'Nowhere' is not defined"
    ]


def test_a_plugin_use_from_elsewhere_is_refused(loaded, plugins):
    with pytest.raises(UsageError) as caught:
        loaded.options(PluginUse("webhook"), plugins)

    assert str(caught.value) == ("plugin 'webhook' is no use of this configuration's: pass one of its PluginUse values")


def test_a_plugin_that_cannot_be_used_says_so_when_its_options_are_asked_for(read, plugins):
    text = '[project]\nname = "d"\n[models.m]\ntask = "score"\nwindow = "1h"\ndrift = ["broken"]\n'
    loaded = read(text + 'columns = { time = "t", prediction = "p" }\n')

    with pytest.raises(PluginBroken, match="no such library"):
        loaded.options(loaded.config.models["m"].drift[0], plugins)


def test_a_configuration_made_in_code_needs_no_file(plugins):
    use = PluginUse("webhook", {"url": "https://x", "port": 5})
    loaded = LoadedConfig(Config(project=ProjectConfig(name="d"), notifiers={"n": NotifierConfig(plugin=use)}))

    assert loaded.options(use, plugins).port == 5
    assert loaded.origin("project", "name") == "default"


def test_a_mistake_in_a_configuration_made_in_code_names_no_file(plugins):
    use = PluginUse("webhook", {"url": "env:HOOK_URL"})
    loaded = LoadedConfig(Config(project=ProjectConfig(name="d"), notifiers={"n": NotifierConfig(plugin=use)}))

    assert refusal(lambda: loaded.options(use, plugins)) == [
        (
            "the configuration: notifiers.n.url reads the variable HOOK_URL, which is not set; set it where "
            "watchkeeper runs"
        )
    ]


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("password", "T0P", "***"),
        ("api_key", "T0P", "***"),
        ("bot_token", "T0P", "***"),
        ("keyboard", "qwerty", "qwerty"),
        ("password", "env:PASSWORD", "env:PASSWORD"),
        ("url", "amqp://user:T0P@host/x", "amqp://user:***@host/x"),
        ("nested", {"token": "T0P", "plain": ["a"]}, {"token": "***", "plain": ["a"]}),
        ("port", 5, 5),
    ],
)
def test_secrets_given_in_the_clear_are_covered_when_shown(key, value, shown):
    assert masked(key, value, is_from_environment=False) == shown


def test_a_text_from_the_environment_is_covered_when_shown():
    assert masked("url", "https://x", is_from_environment=True) == "***"


def test_a_password_in_a_url_is_covered_and_the_rest_stays():
    assert without_password("postgresql://desk:p:w/d@db:5432/watch?x=1") == "postgresql://desk:***@db:5432/watch?x=1"
    assert without_password("sqlite:///watch") == "sqlite:///watch"


@pytest.mark.parametrize(
    "message",
    ["url is {0}", "url is '{1}'", "url is {2}", "url {3}… is too long"],
    ids=["plain", "as Python writes it", "as TOML writes it", "cut short"],
)
def test_a_secret_is_covered_in_every_form(message):
    hidden = 'https://example.org/"T0P"\t-and-more'

    told = covered(message.format(hidden, repr(hidden)[1:-1], quoted(hidden), hidden[:20]), [hidden])

    assert "example.org" not in told
    assert "***" in told


def test_too_short_a_text_is_not_covered():
    assert covered("port is 80, expected 1 to 65535", ["80", ""]) == "port is 80, expected 1 to 65535"
