"""Draws terminal output as an SVG: `cargo owlet … | python3 docs/terminal_svg.py '$ command' > docs/build.svg`."""

import re
import sys
from html import escape

COLOURS = {"31": "#f47067", "32": "#8ddb8c", "33": "#f0c674", "36": "#76d7e0", "90": "#8b949e", "2": "#8b949e"}
CHARACTER, LINE, MARGIN = 7.8, 18, 16


def spans(line):
    colour = None
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        code = re.fullmatch(r"\x1b\[([0-9;]*)m", part)
        if code:
            colour = next((COLOURS[c] for c in code[1].split(";") if c in COLOURS), None)
        elif part:
            yield colour, part


def draw(lines):
    width = max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in lines) * CHARACTER + 2 * MARGIN
    height = len(lines) * LINE + 2 * MARGIN
    yield f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="13">'
    yield f'<rect width="100%" height="100%" rx="8" fill="#1b1f24"/>'
    for number, line in enumerate(lines):
        text = "".join(
            f'<tspan fill="{colour}">{escape(part)}</tspan>' if colour else escape(part) for colour, part in spans(line)
        )
        yield f'<text xml:space="preserve" x="{MARGIN}" y="{MARGIN + (number + 1) * LINE - 5}" fill="#d0d7de">{text}</text>'
    yield "</svg>"


if __name__ == "__main__":
    shown = sys.argv[1:2] + sys.stdin.read().rstrip("\n").split("\n")
    print("\n".join(draw(shown)))
