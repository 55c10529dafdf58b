"""Local servers are found by what they answer, whichever port they are at, and told once."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from tests.gateway import discovery_servers as servers
from tests.gateway.discovery_servers import OTHERS, STRANGERS, USUAL, Script
from tests.gateway.discovery_world import (
    check,
    only,
    own_address,
    running,
    search,
    snapshot_of,
    written,
)
from tests.support.answers import Answer, json_answer
from tests.support.gates import Gate
from tests.support.upstream import ScriptedUpstream, unused_port
from tests.support.waiting import MACHINE_S

from laird.domain.catalog import Egress
from laird.gateway.discovery.fingerprints import FINGERPRINTS, USUAL_PORTS
from laird.gateway.discovery.search import egress_of
from laird.gateway.discovery.walk import MOST_MODELS
from laird.providers.registry import KINDS

pytestmark = pytest.mark.allow_hosts(["127.0.0.0/8", "::1"])


@pytest.mark.parametrize("script", [*USUAL.values(), *OTHERS.values()], ids=[*USUAL, *OTHERS])
async def test_a_server_at_its_usual_port(script: Script) -> None:
    address = own_address()
    async with running(script, address):
        server = await only(address)
    check(server, script)
    assert server.endpoint == f"http://{address}:{script.port}{script.path}"
    assert server.also_at == ()
    # What it would be in the document is right, and stays at home.
    snapshot = written(server.entry)
    (provider,) = snapshot.providers.values()
    assert (provider.kind, provider.egress) == (script.kind, Egress.LOCAL)
    assert provider.enabled is not script.needs_key
    assert [model.upstream_model for model in snapshot.models.values()] == list(script.models)


@pytest.mark.parametrize("script", USUAL.values(), ids=USUAL)
async def test_a_server_at_any_port_that_is_usual_for_another(script: Script) -> None:
    address = own_address()
    async with running(script, address, *USUAL_PORTS):
        server = await only(address)
    check(server, script)
    assert server.endpoint == f"http://{address}:{USUAL_PORTS[0]}{script.path}"
    assert server.also_at == tuple(
        f"http://{address}:{port}{script.path}" for port in USUAL_PORTS[1:]
    )


# With a key, SGLang says at every path what others say as well.
NAMED = {name: one for name, one in (USUAL | OTHERS).items() if one is not servers.KEYED_SGLANG}


@pytest.mark.parametrize("script", NAMED.values(), ids=NAMED)
async def test_a_server_at_a_port_that_is_named(script: Script) -> None:
    address, other = own_address(), own_address()
    async with running(script, other, 9000):
        server = await only(address, f"{other}:9000")
    check(server, script)


@pytest.mark.parametrize("shift", range(len(USUAL_PORTS)))
async def test_all_at_once_each_at_the_port_of_another(shift: int) -> None:
    address = own_address()
    async with AsyncExitStack() as stack:
        expected = {}
        scripts = list(USUAL.values())
        for at, port in enumerate(USUAL_PORTS):
            script = scripts[(at + shift) % len(scripts)]
            await stack.enter_async_context(running(script, address, port))
            expected[f"http://{address}:{port}{script.path}"] = script
        found = await search(address)
    assert {server.endpoint for server in found.servers} == set(expected)
    for server in found.servers:
        check(server, expected[server.endpoint])
    ids = [server.entry["id"] for server in found.servers if server.entry]
    assert len(set(ids)) == len(expected)


@pytest.mark.parametrize("answers", STRANGERS.values(), ids=STRANGERS)
async def test_others_are_not_taken_for_one(answers: dict[str, Answer]) -> None:
    address, other = own_address(), own_address()
    script = Script(
        title="", port=0, kind="", models=(), paths=answers,
        otherwise=answers.get("", servers.NOT_FOUND),
    )  # fmt: skip
    ports = [port for port in USUAL_PORTS if port != 30000]
    async with running(script, address, *ports), running(script, other, 9000):
        found = await search(address, f"{other}:9000")
    assert found.servers == ()


@pytest.mark.parametrize("script", [*USUAL.values(), *OTHERS.values()], ids=[*USUAL, *OTHERS])
async def test_few_questions_are_asked(script: Script) -> None:
    address = own_address()
    async with running(script, address) as (server,):
        await search(address)
    paths = [one.target for one in server.requests]
    assert paths[0] == "/v1/models"
    assert len(paths) == len(set(paths)) <= 4
    assert {one.method for one in server.requests} == {"GET"}


async def test_lm_studio_is_asked_nothing_that_it_would_log() -> None:
    address = own_address()
    async with running(servers.LM_STUDIO, address) as (server,):
        await search(address)
    assert [one.target for one in server.requests] == ["/v1/models", "/api/v0/models"]


async def test_what_a_model_is_for_and_where_it_runs() -> None:
    address = own_address()
    async with running(servers.OLLAMA, address), running(servers.JAN, address):
        found = {server.title: server for server in (await search(address)).servers}
    told = {
        model.id: (model.capabilities.embeddings, egress_of(server, model))
        for server in found.values()
        for model in server.models
    }
    assert told == {
        "llama3.2:3b": (False, Egress.LOCAL),
        "ada/tiny:latest": (None, Egress.LOCAL),
        "nomic-embed-text:latest": (True, Egress.LOCAL),
        "glm-4.6:cloud": (None, Egress.EXTERNAL),
        "Jan-v3-4b": (None, Egress.LOCAL),
        # Jan sends it on.
        "gpt-5": (None, Egress.EXTERNAL),
    }
    snapshot = written(found["Ollama"].entry, found["Jan"].entry)
    assert snapshot.models["ollama/glm-4.6:cloud"].egress is Egress.EXTERNAL
    assert snapshot.models["jan/gpt-5"].egress is Egress.EXTERNAL
    assert snapshot.models["jan/jan-v3-4b"].egress is Egress.LOCAL
    embedder = snapshot.models["ollama/nomic-embed-text:latest"].capabilities
    assert (embedder.embeddings, embedder.streaming) == (True, False)


async def test_a_server_whose_model_only_embeds() -> None:
    address = own_address()
    info = {"model_path": "BAAI/bge-m3", "is_generation": False}
    script = servers.SGLANG.but({"/get_model_info": json_answer(info)})
    async with running(script, address):
        (model,) = (await only(address)).models
    assert (model.capabilities.embeddings, model.context_window) == (True, 32768)


async def test_windows_are_written_only_for_those_that_do_not_tell_them_later() -> None:
    address = own_address()
    async with running(servers.TGI, address), running(servers.VLLM, address):
        found = await search(address)
    entries = {server.title: server.entry or {} for server in found.servers}
    assert entries["Text Generation Inference"]["models"] == [
        {
            "id": "huggingfaceh4/zephyr-7b-beta",
            "name": "HuggingFaceH4/zephyr-7b-beta",
            "upstreamModel": "HuggingFaceH4/zephyr-7b-beta",
            "contextWindow": 8192,
        }
    ]
    assert entries["vLLM"]["models"] == ["Qwen/Qwen3-8B", "sql-lora"]


class TestServersThatMisbehave:
    async def test_silence_is_waited_for_half_a_second_and_only_once(self) -> None:
        address = own_address()
        gate = Gate()
        silent = json_answer({}).held(gate)
        async with AsyncExitStack() as stack:
            for port in USUAL_PORTS:
                server = await stack.enter_async_context(ScriptedUpstream(host=address, port=port))
                server.always(silent)
            async with asyncio.timeout(1.5 + MACHINE_S):
                assert (await search(address)).servers == ()
            gate.open()

    @pytest.mark.parametrize("stop", ["stalled", "cut", "reset"])
    async def test_an_answer_that_does_not_come_whole(self, stop: str) -> None:
        address = own_address()
        listed = servers.OLLAMA.paths["/v1/models"]
        broken = getattr(listed, stop)(byte=sum(map(len, listed.chunks)))
        async with running(servers.OLLAMA.but({"/v1/models": broken}), address):
            assert (await search(address)).servers == ()

    async def test_a_proof_that_does_not_come_leaves_what_the_list_says_for_sure(self) -> None:
        address = own_address()
        script = servers.VLLM.but({"/version": json_answer({}).cut(byte=4)}, version=None)
        async with running(script, address):
            check(await only(address), script)

    async def test_more_that_does_not_come_is_done_without(self) -> None:
        address = own_address()
        script = servers.OLLAMA.but({"/api/tags": servers.HTML}, windows=(None, None, None, None))
        async with running(script, address):
            check(await only(address), script)

    async def test_redirects_are_not_followed(self) -> None:
        address = own_address()
        async with ScriptedUpstream() as elsewhere:
            away = Answer(
                302, (("Location", f"{elsewhere.url}/v1/models"), ("Content-Length", "0"))
            )
            elsewhere.always(servers.OLLAMA.paths["/v1/models"])
            script = Script(title="", port=8080, kind="", models=(), paths={}, otherwise=away)
            async with running(script, address):
                assert (await search(address)).servers == ()
            assert elsewhere.connections == 0

    async def test_a_giant_body_is_not_read_to_its_end(self) -> None:
        address = own_address()
        names = [servers.row("x" * 1000, "vllm")] * 40
        giant = servers.listing(*names * 100)
        script = servers.VLLM.but({"/v1/models": giant})
        async with running(script, address) as (server,):
            assert (await search(address)).servers == ()
            assert sum(map(len, giant.chunks)) > 4_000_000
            assert len(server.requests) == 1

    async def test_names_that_no_document_can_hold_are_left_out(self) -> None:
        address = own_address()
        names = ["good", "x" * 300, "", "bad\x1b[31m", "good"]
        script = servers.VLLM.but(
            {"/v1/models": servers.listing(*(servers.row(name, "vllm") for name in names))},
            models=("good",),
            windows=(None,),
        )
        async with running(script, address):
            check(await only(address), script)

    async def test_a_row_without_a_name_is_left_out(self) -> None:
        address = own_address()
        rows = [{"object": "model", "owned_by": "vllm"}, servers.row("good", "vllm")]
        script = servers.VLLM.but({"/v1/models": servers.listing(*rows)})
        async with running(script, address):
            assert [model.id for model in (await only(address)).models] == ["good"]

    async def test_a_version_that_steers_terminals_is_none(self) -> None:
        address = own_address()
        for version in ("\x1b[2J", "x" * 200, "", 5):
            script = servers.VLLM.but({"/version": json_answer({"version": version})}, version=None)
            async with running(script, address):
                check(await only(address), script)

    async def test_a_list_without_end_is_cut(self) -> None:
        address = own_address()
        rows = [servers.row(f"m{number}", "vllm") for number in range(MOST_MODELS + 5)]
        async with running(servers.VLLM.but({"/v1/models": servers.listing(*rows)}), address):
            assert len((await only(address)).models) == MOST_MODELS


class TestToldOnce:
    async def test_by_two_names(self) -> None:
        address = own_address()
        names = {"gpu-box": [address], "gpu-box.lan": [address]}
        async with running(servers.OLLAMA, address) as (server,):
            found = await only(address, "gpu-box", "gpu-box.lan", names=names)
            assert len(server.requests) == 3
        assert found.endpoint == f"http://{address}:11434"
        assert found.also_at == ("http://gpu-box:11434", "http://gpu-box.lan:11434")

    async def test_by_two_addresses_of_this_machine(self) -> None:
        address, other = own_address(), own_address()
        async with running(servers.SGLANG, address), running(servers.SGLANG, other):
            found = await only(address, other)
        assert found.also_at == (f"http://{other}:30000/v1",)

    async def test_a_name_with_an_address_more_is_asked_there_as_well(self) -> None:
        address = own_address()
        port = unused_port("::1")
        names = {"both": [address, "::1"]}
        async with running(servers.VLLM, address, port), running(servers.OLLAMA, "::1", port):
            found = await search(address, f"{address}:{port}", f"both:{port}", names=names)
        assert [(server.title, server.endpoint) for server in found.servers] == [
            ("vLLM", f"http://{address}:{port}"),
            ("Ollama", f"http://[::1]:{port}"),
        ]
        assert found.servers[0].also_at == (f"http://both:{port}",)

    async def test_two_ports_that_were_named_are_two_servers(self) -> None:
        address, other = own_address(), own_address()
        async with running(servers.VLLM, other, 9000, 9001):
            found = await search(address, f"{other}:9000", f"{other}:9001")
        assert len(found.servers) == 2

    async def test_servers_that_differ_are_two(self) -> None:
        address = own_address()
        newer = servers.VLLM.but({"/version": json_answer({"version": "0.12.0"})})
        async with running(servers.VLLM, address), running(newer, address, 8080):
            found = await search(address)
        assert sorted(server.version or "" for server in found.servers) == ["0.11.0", "0.12.0"]
        assert {server.entry["id"] for server in found.servers if server.entry} == {
            "vllm", "vllm-2",
        }  # fmt: skip

    async def test_servers_without_a_model_are_two_at_two_ports(self) -> None:
        address = own_address()
        async with running(servers.EMPTY_OLLAMA, address, 11434, 8080):
            assert len((await search(address)).servers) == 2


class TestConfigured:
    @pytest.mark.parametrize("written_as", ["http://{}:11434", "http://{}:11434/v1"])
    async def test_by_its_address(self, written_as: str) -> None:
        address = own_address()
        endpoint = written_as.format(address)
        snapshot = written({"id": "mine", "kind": "ollama", "endpoint": endpoint})
        async with running(servers.OLLAMA, address):
            server = await only(address, snapshot=snapshot)
        assert (server.configured_as, server.entry) == ("mine", None)

    async def test_by_a_name_for_it(self) -> None:
        address = own_address()
        snapshot = written(
            {"id": "cloud", "kind": "openai"},
            {"id": "gone", "kind": "vllm", "endpoint": "http://gone:11434"},
            {"id": "closed", "kind": "vllm", "endpoint": "http://closed:11434"},
            {"id": "demo", "kind": "demo"},
            {"id": "mine", "kind": "ollama", "endpoint": "http://gpu-box:11434"},
        )
        names = {"gpu-box": [address], "closed": ["169.254.169.254"]}
        async with running(servers.OLLAMA, address):
            server = await only(address, snapshot=snapshot, names=names)
        assert server.configured_as == "mine"

    async def test_by_another_address_of_this_machine(self) -> None:
        address = own_address()
        snapshot = written({"id": "mine", "kind": "ollama", "endpoint": "http://127.0.0.1:11434"})
        async with running(servers.OLLAMA, address):
            assert (await only(address, snapshot=snapshot)).configured_as == "mine"

    async def test_another_port_is_another_server_and_ids_are_free(self) -> None:
        address = own_address()
        snapshot = snapshot_of(
            "providers:\n"
            f"  - {{id: ollama, kind: ollama, endpoint: 'http://{address}:9999', models: [m]}}\n"
            "chains:\n  - {id: vllm, models: [{providerId: ollama, modelId: m}]}\n"
            "aliases: {lmstudio: m}\n"
        )
        async with (
            running(servers.OLLAMA, address),
            running(servers.VLLM, address),
            running(servers.LM_STUDIO, address),
        ):
            found = await search(address, snapshot=snapshot)
        assert {server.configured_as for server in found.servers} == {None}
        assert {server.entry["id"] for server in found.servers if server.entry} == {
            "ollama-2", "vllm-2", "lmstudio-2",
        }  # fmt: skip


async def test_a_server_on_a_host_that_may_be_anybodys_is_external() -> None:
    address = own_address()
    names = {"gpu.example.com": [address]}
    async with running(servers.SGLANG, address, 9000), running(servers.VLLM, address, 9001):
        found = await search(
            own_address(), "gpu.example.com:9000", "gpu.example.com:9001", names=names
        )
    for server in found.servers:
        assert {egress_of(server, model) for model in server.models} == {Egress.EXTERNAL}
        assert "type" not in (server.entry or {})
    snapshot = written(*(server.entry for server in found.servers))
    assert {provider.egress for provider in snapshot.providers.values()} == {Egress.EXTERNAL}


async def test_hosts_that_lead_nowhere_are_told_of() -> None:
    address = own_address()
    names = {"meta": ["169.254.169.254"], "twofold": [address, "fd00:ec2::254"]}
    async with running(servers.VLLM, address) as (server,):
        found = await search(address, "nowhere", "meta", "twofold", names=names)
        assert len(server.requests) == 2
    assert found.asked == (address, "nowhere", "meta", "twofold")
    assert [problem.partition(" ")[0] for problem in found.problems] == [
        "nowhere", "meta", "twofold",
    ]  # fmt: skip
    assert "metadata" in found.problems[1]


def test_the_table_is_in_the_order_in_which_imitators_are_told_apart() -> None:
    names = [row.name for row in FINGERPRINTS]
    assert names.index("lmstudio") == 0
    assert names.index("ollama") > max(names.index("localai"), names.index("koboldcpp"))
    assert {row.kind for row in FINGERPRINTS} <= KINDS.keys()
