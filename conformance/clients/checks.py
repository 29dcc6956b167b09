"""Runs the functions of a module whose names begin with `check_`, each on its own, and says which of them failed and why."""

import inspect
import sys
import time
import traceback


def run(module_name: str) -> None:
    module = sys.modules[module_name]
    wanted = sys.argv[1:]
    checks = [
        (name, function)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if name.startswith("check_") and function.__module__ == module_name
    ]
    checks = [check for check in checks if not wanted or any(part in check[0] for part in wanted)]
    checks.sort(key=lambda check: check[1].__code__.co_firstlineno)
    failed = 0
    for name, function in checks:
        started = time.monotonic()
        try:
            function()
        except Exception:
            failed += 1
            print(f"FAIL {name}")
            print("     " + traceback.format_exc().strip().replace("\n", "\n     "))
        else:
            print(f"ok   {name} ({time.monotonic() - started:.2f} s)")
    print(f"{len(checks) - failed} of {len(checks)} passed")
    sys.exit(1 if failed else 0)


def equal(found, expected) -> None:
    assert found == expected, f"\n  found    {found!r}\n  expected {expected!r}"


def refused(code: str, call, **arguments) -> str:
    """The message of the refusal that must come."""
    from botocore.exceptions import ClientError

    try:
        call(**arguments)
    except ClientError as error:
        equal(error.response["Error"]["Code"], code)
        return error.response["Error"]["Message"]
    raise AssertionError(f"{code} was expected, but the call succeeded")
