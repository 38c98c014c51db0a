"""The `pumpcheck` command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from policies.errors import PolicyError
from service.config import ConfigError, load_config
from service.errors import ServiceError

OK, UNUSABLE = 0, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status: 0 nothing open, 1 something open, 2 unusable input or arguments."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except (ConfigError, PolicyError, ServiceError, ValueError) as error:
        print(f"pumpcheck: {error}", file=sys.stderr)
        return UNUSABLE
    except BrokenPipeError:
        sys.stderr.close()
        return OK
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pumpcheck", description="Holds an order for an intrathecal drug pump against the payer's medical policy."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_check(commands)
    _add_policies(commands)
    _add_serve(commands)
    return parser


def _config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration (TOML); default: the defaults")


# check --------------------------------------------------------------------------------------------------------


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "check",
        help="say what the service would say of a file",
        description="Reads a CDS Hooks order-sign request or a FHIR R4 Bundle and prints the determinations. "
        "Exit status: 0 nothing is open, 1 something is, 2 the input cannot be used.",
    )
    parser.add_argument("file", metavar="FILE", help="JSON file; - reads standard input")
    parser.add_argument("--policy", action="append", default=[], metavar="ID", help="policy id, repeatable, or `all`")
    parser.add_argument("--payer", metavar="NAME", help="payer name that stands in for the patient's Coverage")
    parser.add_argument("--as-of", type=_day, metavar="YYYY-MM-DD", help="the day that counts as today")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="output (default: text)")
    _config_option(parser)
    parser.set_defaults(run=_check)


def _check(arguments: argparse.Namespace) -> int:
    from service.check import check
    from service.engine import Engine
    from service.fhir_json import dump
    from service.reports import as_json, as_text, exit_status

    engine = Engine.build(load_config(arguments.config, os.environ))
    decision = check(
        engine,
        _read(arguments.file),
        arguments.as_of or date.today(),
        policies=_policy_ids(arguments.policy, engine.library.ids),
        payer=arguments.payer,
    )
    if arguments.format == "json":
        print(dump(as_json(decision)).decode())
    else:
        print(as_text(decision, colour=sys.stdout.isatty()), end="")
    return exit_status(decision)


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror}") from None


def _policy_ids(named: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    if "all" in named:
        return tuple(known)
    for name in named:
        if name not in known:
            raise ValueError(f"--policy: `{name}` is no known policy; known are {', '.join(known)}, all")
    return tuple(dict.fromkeys(named))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"`{text}` is no date: write YYYY-MM-DD") from None


# policies -----------------------------------------------------------------------------------------------------


def _add_policies(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("policies", help="list, show and evaluate the policies (alone: list)")
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    parser.set_defaults(run=_list)
    listing = actions.add_parser("list", help="list every policy version")
    listing.set_defaults(run=_list)
    show = actions.add_parser("show", help="print one policy as plain When / Then sentences")
    show.add_argument("policy", metavar="ID")
    show.set_defaults(run=_show)
    evaluate = actions.add_parser(
        "evaluate",
        help="run a criteria tree alone",
        description="Reads JSON lines of leaf statuses on standard input and prints determination and gaps of each.",
    )
    evaluate.add_argument("policy", metavar="POLICY")
    evaluate.add_argument("indication", metavar="INDICATION")
    evaluate.add_argument("phase", metavar="PHASE")
    evaluate.set_defaults(run=_evaluate)


def _list(arguments: argparse.Namespace) -> int:
    from policies.library import PolicyLibrary
    from policies.sentences import policy_table

    print(policy_table(PolicyLibrary.load()), end="")
    return OK


def _show(arguments: argparse.Namespace) -> int:
    from policies.library import PolicyLibrary
    from policies.sentences import policy_sentences

    library = PolicyLibrary.load()
    policy = library.on(arguments.policy, date.max)
    print(policy_sentences(policy, library.vocabulary), end="")
    return OK


def _evaluate(arguments: argparse.Namespace) -> int:
    from policies.library import PolicyLibrary
    from service.evaluate import evaluated_lines

    library = PolicyLibrary.load()
    policy = library.on(arguments.policy, date.max)
    for line in evaluated_lines(policy, arguments.indication, arguments.phase, sys.stdin):
        print(line)
    return OK


# serve --------------------------------------------------------------------------------------------------------


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("serve", help="answer CDS Hooks calls")
    _config_option(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: 8000)")
    parser.set_defaults(run=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    from service.server import serve

    return serve(load_config(arguments.config, os.environ), arguments.host, arguments.port)


if __name__ == "__main__":
    sys.exit(main())
