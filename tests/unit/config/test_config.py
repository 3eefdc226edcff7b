"""``peerd.toml``: every bad key or value gets one line that names the file and the key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerd.config import Config, LogConfig, TaskConfig, declared, render_config
from peerd.config_values import Key
from peerd.environment import variable
from peerd.errors import ConfigError
from peerd.identity import Identity
from peerd.storage.keeping import Keeping

ROOT = Path(__file__).parents[3]
PEER = Identity(b"p" * 32).peer_id
BASE = 'data = "data"\nkey = "peer.key"\ngenesis = "genesis.json"\n'


def load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "peerd.toml"
    path.write_text(text)
    return Config.load(path)


def test_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, BASE)
    assert config.data == tmp_path / "data"
    assert config.status == tmp_path / "data" / "run" / "status.sock"
    assert config.listen == "/ip4/0.0.0.0/tcp/4001"
    assert (config.bootstrap, config.rounds) == ((), None)
    assert (config.task, config.log) == (TaskConfig(), LogConfig("info", "console"))
    assert config.storage.keeping == Keeping(128, None)


@pytest.mark.parametrize(
    ("given", "keeping"),
    [
        ('keep = "all"', Keeping(None, None)),
        ("keep = 3", Keeping(3, None)),
        ('disk_budget = "10 GB"', Keeping(128, 10**10)),
        ('disk_budget = "1.5GiB"', Keeping(128, 3 << 29)),
        ('keep = "all"\ndisk_budget = "0.1 TB"', Keeping(None, 10**11)),
    ],
)
def test_what_is_kept(tmp_path: Path, given: str, keeping: Keeping) -> None:
    assert load(tmp_path, f"{BASE}[storage]\n{given}").storage.keeping == keeping


def test_everything(tmp_path: Path) -> None:
    text = f"""
        data = "/var/peer"
        key = "../keys/me"
        genesis = "g.json"
        listen = "/ip6/::1/tcp/0"
        bootstrap = ["/ip4/10.0.0.1/tcp/4001/p2p/{PEER}", "/dns4/peer.example/tcp/1/p2p/{PEER}"]
        status = "s.sock"
        rounds = 30
        [task]
        data = "rows.csv"
        partition = 3
        partitions = 8
        seed = 9
        options = {{ column = "when" }}
        [log]
        level = "debug"
        format = "json"
    """
    config = load(tmp_path, text)
    assert (config.data, config.status) == (Path("/var/peer"), tmp_path / "s.sock")
    assert len(config.bootstrap) == 2
    assert config.rounds == 30
    assert config.task == TaskConfig(tmp_path / "rows.csv", 3, 8, 9, options={"column": "when"})
    assert config.task.local == {"column": "when", "data": str(tmp_path / "rows.csv")}
    assert config.log == LogConfig("debug", "json")


BAD = [
    ('keey = "k"', "unknown key 'keey'; did you mean 'key'?"),
    ('bootstraps = ["x"]', "unknown key 'bootstraps'; did you mean 'bootstrap'?"),
    ('level = "info"', "unknown key 'level'; did you mean 'log.level'?"),
    ('[log]\nlevle = "info"', "unknown key 'log.levle'; did you mean 'log.level'?"),
    ("[task]\nparttion = 1", "unknown key 'task.parttion'; did you mean 'task.partition'?"),
    ("[storage]\nx = 1", "unknown key 'storage.x'"),
    ("[storage]\nkep = 1", "unknown key 'storage.kep'; did you mean 'storage.keep'?"),
    ("[storage]\nkeep = 1", "storage.keep must be in 2…"),
    ('[storage]\nkeep = "128"', 'storage.keep must be in 2….*, or "all"'),
    ("[storage]\nkeep = true", "storage.keep must be a whole number"),
    ("[storage]\ndisk_budget = 10", "storage.disk_budget must be a size with its unit"),
    ('[storage]\ndisk_budget = "10"', "storage.disk_budget must be a size with its unit"),
    ('[storage]\ndisk_budget = "10 gb"', "such as .10 GB.*units: MB, GB, TB, MiB"),
    ('[storage]\ndisk_budget = "-1 GB"', "storage.disk_budget must be a size with its unit"),
    ('[storage]\ndisk_budget = "0.5 MB"', "storage.disk_budget must be in"),
    ('[storage]\ndisk_budget = "1001 TB"', "storage.disk_budget must be in"),
    ("task = 5", "task must be a table"),
    ("rounds = 0", "rounds must be in 1…"),
    ("[task]\nevaluation_seconds = 0", "task.evaluation_seconds must be in 1…"),
    ("rounds = true", "rounds must be a whole number"),
    ("relay = 1", "relay must be true or false"),
    ('relays = ["/ip4/127.0.0.1/tcp/4001"]', r"relays\[0\] must look like"),
    ("relays = [" + "1," * 5 + "]", "relays has more than 4"),
    ("rounds = 1.5", "rounds must be a whole number"),
    ("status = 5", "status must be text in quotes"),
    ('status = ""', "status must be a path"),
    (f'status = "{"x" * 200}"', "too many for a socket"),
    ('listen = "127.0.0.1:4001"', "listen must look like /ip4/0.0.0.0/tcp/4001"),
    ('listen = "/ip4/::1/tcp/1"', "listen must look like"),
    ('listen = "/ip4/127.0.0.1/tcp/65536"', "listen must look like"),
    ('listen = "/ip4/127.0.0.1/tcp/00400199"', "listen must look like"),
    ('announce = ["/ip4/127.0.0.1/tcp/0"]', r"announce\[0\] must look like"),
    ("announce = [4001]", r"announce\[0\] must look like"),
    ('listen = "/ip4/127.0.0.1/udp/1"', "listen must look like"),
    ('listen = "/dns4/localhost/tcp/1"', "listen must look like"),
    ('listen = "/ip6zone/eth0/ip6/fe80::1/tcp/1"', "listen can't be .*a zone.*use an address with"),
    ('listen = "/ip6/fe80::1%eth0/tcp/1"', "listen can't be .*a zone"),
    ('listen = "/ip6/fe80::1/tcp/1"', "listen can't be .*link-local"),
    ('listen = "/ip4/224.0.0.1/tcp/1"', "listen can't be .*multicast"),
    ('listen = "/ip6/ff02::1/tcp/1"', "listen can't be .*multicast"),
    ('listen = "/ip4/255.255.255.255/tcp/1"', "listen can't be .*the broadcast address"),
    ('listen = "/ip4/240.0.0.1/tcp/1"', "listen can't be .*reserved"),
    ('listen = "/ip6/::ffff:10.0.0.1/tcp/1"', "listen can't be .*write /ip4/10.0.0.1/"),
    ('announce = ["/ip4/0.0.0.0/tcp/1"]', r"announce\[0\] can't be .*every address"),
    ('announce = ["/ip6/::/tcp/1"]', r"announce\[0\] can't be .*every address"),
    ('announce = ["/ip6/fe80::1%2/tcp/1"]', r"announce\[0\] can't be .*a zone"),
    ('announce = ["/dns4/224.0.0.1/tcp/1"]', r"announce\[0\] can't be .*multicast"),
    (f'bootstrap = ["/ip6/ff0e::1/tcp/1/p2p/{PEER}"]', r"bootstrap\[0\] can't be .*multicast"),
    (f'bootstrap = ["/ip6zone/e/ip6/fe80::1/tcp/1/p2p/{PEER}"]', r"bootstrap\[0\] .*a zone"),
    ('[metrics]\nlisten = "224.0.0.1:9464"', "metrics.listen can't be .*multicast"),
    ('[metrics]\nlisten = "[fe80::1%lo]:9464"', "metrics.listen can't be .*a zone"),
    ('bootstrap = "x"', "bootstrap must be a list"),
    ("bootstrap = [5]", r"bootstrap\[0\] must look like"),
    ('bootstrap = ["/ip4/127.0.0.1/tcp/4001"]', r"bootstrap\[0\] must look like"),
    ('bootstrap = ["/ip4/127.0.0.1/tcp/4001/p2p/QmX"]', r"bootstrap\[0\] must look like"),
    (f'bootstrap = ["/ip4/127.0.0.1/tcp/0/p2p/{PEER}"]', r"bootstrap\[0\] must look like"),
    (f'bootstrap = ["/dns4/-x-/tcp/1/p2p/{PEER}"]', r"bootstrap\[0\] must look like"),
    ("bootstrap = [" + "1," * 65 + "]", "bootstrap has more than 64"),
    ("[task]\npartition = 1", "task.partition must be in 0…0"),
    ("[task]\npartitions = 0", "task.partitions must be in 1…"),
    ("[task]\nseed = -1", "task.seed must be in 0…"),
    ('[task]\noptions = "x"', "task.options must be a table"),
    ('[log]\nlevel = "loud"', "log.level must be one of debug, info"),
    ('[log]\nformat = "xml"', "log.format must be one of console, json"),
    ('[log]\nfile = ""', "log.file must be a path"),
    ("drain_seconds = -1", "drain_seconds must be in 0…"),
    ("[metrics]\nlisten = 9464", "metrics.listen must look like 127.0.0.1:9464"),
    ('[metrics]\nlisten = "9464"', "metrics.listen must look like 127.0.0.1:9464"),
    ('[metrics]\nlisten = "localhost:9464"', "metrics.listen must look like 127.0.0.1:9464"),
    ('[metrics]\nlisten = "::1:9464"', "metrics.listen must look like"),
    ('[metrics]\nlisten = "[127.0.0.1]:9464"', "metrics.listen must look like"),
    ('[metrics]\nlisten = "127.0.0.1:99999"', "metrics.listen must look like"),
    ('[metrics]\nlisten = "127.0.0.1:9464/x"', "metrics.listen must look like"),
    ('[dashboard]\nlisten = "0.0.0.0:8080"', "dashboard.listen must be a loopback address.*ssh -L"),
    ('[dashboard]\nlisten = "[::]:8080"', "dashboard.listen must be a loopback"),
    ('[dashboard]\nlisten = "[::ffff:192.0.2.1]:80"', "dashboard.listen can't be .*IPv4"),
    ('[dashboard]\nlisten = "192.0.2.7:8080"', "dashboard.listen must be a loopback"),
    ('[dashboard]\nlisten = "localhost:8080"', "dashboard.listen must look like 127.0.0.1:9464"),
    ('[dashboard]\nlisten = "on"', "dashboard.listen must look like"),
    ("[dashboard]\nlisten = false", "dashboard.listen must look like"),
    ('[metrics]\nlistn = "x"', "unknown key 'metrics.listn'; did you mean 'metrics.listen'?"),
    ('metrics_listen = "x"', "unknown key 'metrics_listen'; did you mean 'metrics.listen'?"),
    ('[lab]\nattack = "sign-flip"', "unknown key 'lab'"),
    ("rounds = ", "not TOML"),
    ("rounds = 1\nrounds = 2", "not TOML"),
    ("rounds = " + "1" * 5000, "nested too deep, or a number too long|not TOML"),
    ("x = " + "[" * 5000, "nested too deep|not TOML"),
]


@pytest.mark.parametrize(("line", "message"), BAD)
def test_a_bad_value_is_refused_by_name(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load(tmp_path, BASE + line)
    assert str(caught.value).startswith(str(tmp_path / "peerd.toml"))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["data", "key", "genesis"])
def test_a_missing_key_is_named(tmp_path: Path, name: str) -> None:
    text = "\n".join(line for line in BASE.splitlines() if not line.startswith(name))
    with pytest.raises(ConfigError, match=f"the key '{name}' is missing"):
        load(tmp_path, text)


@pytest.mark.parametrize("value", ["5", '""', '["x"]'])
def test_a_wrong_data_directory_is_named_and_not_what_is_in_it(tmp_path: Path, value: str) -> None:
    text = BASE.replace('"data"', value)
    with pytest.raises(ConfigError, match=r"peerd\.toml: data must be"):
        load(tmp_path, text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="peerd init"):
        Config.load(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="can't read"):
        Config.load(tmp_path)
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        Config.load(tmp_path / "bytes")
    (tmp_path / "huge").write_bytes(b"#" * (1 << 20) + b"\n")
    with pytest.raises(ConfigError, match="more than"):
        Config.load(tmp_path / "huge")


def test_rendered_default_is_the_default(tmp_path: Path) -> None:
    assert load(tmp_path, render_config()) == load(tmp_path, BASE)


@pytest.mark.parametrize("listen", ["127.0.0.1:9464", "[::1]:0", "0.0.0.0:9464", "[::]:9464"])
def test_an_address_for_metrics_is_kept_as_it_was_written(tmp_path: Path, listen: str) -> None:
    assert load(tmp_path, f'{BASE}[metrics]\nlisten = "{listen}"').metrics.listen == listen


@pytest.mark.parametrize(
    ("listen", "address"),
    [("127.0.0.1:0", "127.0.0.1:0"), ("[::1]:8080", "[::1]:8080"), ("off", None)],
)
def test_where_the_page_is_served(tmp_path: Path, listen: str, address: str | None) -> None:
    assert load(tmp_path, f'{BASE}[dashboard]\nlisten = "{listen}"').dashboard.address == address
    assert load(tmp_path, BASE).dashboard.address == "127.0.0.1:0"
    written = render_config()
    assert '# listen = "127.0.0.1:0"' in written  # a comment: an older peerd reads it too


names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12
).filter(lambda text: not text.startswith("/"))


@given(names, names, st.dictionaries(names, st.integers(-9, 9) | names | st.booleans(), max_size=3))
def test_what_is_rendered_reads_back(data: str, key: str, options: dict[str, object]) -> None:
    python, start = Path("/env/bin/python"), Path("/first.npz")
    task = TaskConfig(Path("/rows.csv"), 2, 5, 77, "cuda:1", python, start, 90, options)
    log = LogConfig("warning", "json")
    bootstrap = (f"/ip4/127.0.0.1/tcp/4001/p2p/{PEER}",)
    text = render_config(data=data, key=key, bootstrap=bootstrap, rounds=4, task=task, log=log)
    config = parsed(text)
    assert (config.data, config.key) == (Path("/tmp") / data, Path("/tmp") / key)
    assert (config.bootstrap, config.rounds) == (bootstrap, 4)
    assert (config.task, config.log) == (task, log)


def parsed(text: str) -> Config:
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".toml", dir="/tmp") as file:
        file.write(text)
        file.flush()
        return Config.load(Path(file.name))


HEAD = "| key | what it is | without it | variable |"


def test_the_table_in_the_documents_is_what_is_declared() -> None:
    """A key without a word on what it is for (of the laboratory) is in neither."""
    text = (ROOT / "docs/operate/configuration.md").read_text()
    rows = [
        f"| `{name}` | {key.says} | {default_of(name, key, default)} | `{variable(name)}` |"
        for name, key, default in declared()
        if key.says
    ]
    table = "\n".join([HEAD, "|---|---|---|---|", *rows])
    assert f"\n\n{table}\n\n" in text


def default_of(name: str, key: Key, default: object) -> str:
    if name in ("data", "key", "genesis"):
        return "an error"
    if default is None or default == ():
        return f"`{key.like}`" if name == "status" else "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def test_the_example_has_every_key() -> None:
    text = (ROOT / "configs/peerd.toml").read_text()
    for name, key, _ in declared():
        inner = name.rpartition(".")[2]
        assert re.search(rf"^(# )?{inner} +=|^\[{name}\]", text, re.M) or not key.says, name


def test_what_is_rendered_is_what_is_declared() -> None:
    with pytest.raises(AssertionError):
        render_config(lisen="/ip4/127.0.0.1/tcp/1")
    text = render_config()
    assert all(key.says in text for _, key, _ in declared())


def test_data_that_is_said_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "peerd.toml"
    path.write_text(
        'data = "data"\nkey = "k"\ngenesis = "g"\n'
        '[task]\ndata = "rows.csv"\n[task.options]\ndata = "other.csv"\n'
    )
    with pytest.raises(ConfigError, match=r"task.options.data says what task.data says as well"):
        Config.load(path)


@pytest.mark.parametrize(
    "listen",
    ["/ip4/0.0.0.0/tcp/0", "/ip6/::/tcp/4001", "/ip6/::1/tcp/1", "/ip4/169.254.3.4/tcp/1"],
)
def test_an_address_that_can_be_listened_on_is_taken(tmp_path: Path, listen: str) -> None:
    assert load(tmp_path, f'{BASE}listen = "{listen}"').listen == listen
