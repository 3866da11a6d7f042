# SPDX-License-Identifier: Apache-2.0
"""Which chains a churning task of churn.py can have: why_not() says what is impossible about one, and must find fault with chains that
are put together from two tasks (control())."""
import os
import re

CHURN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "churn.py")


def marked_lines():
    """The lines of churn.py that end in a word: {line: word}."""
    with open(CHURN) as f:
        found = {i: re.search(r"  # (\w+)$", line) for i, line in enumerate(f, 1)}
    return {i: m.group(1) for i, m in found.items() if m}


MARKED = marked_lines()


def local(link, name):
    return ((link.get("locals") or {}).get(name) or {}).get("value")


def in_churn(link):
    return (link.get("file") or "").endswith("churn.py")


def may_follow(link, inner, running):
    """Whether a link of churn.py may lead to the next one, None at the end of the chain."""
    mark = MARKED.get(link.get("line"))
    if mark == "again" and running and inner and in_churn(inner):
        return inner["function"] == "churner"  # called, and about to become a coroutine (RETURN_GENERATOR, 3.11+)
    if mark in ("bottom", "rest") and inner and inner["function"] == "sleep":
        return link["function"] == ("step" if mark == "bottom" else "churner")
    if mark in ("begin", "down") and inner and in_churn(inner):
        depth = local(link, "depth")
        return inner["function"] == "step" and local(inner, "depth") in (
            range(4) if mark == "begin" else [(depth or 0) - 1]
        )
    return running and not (inner and in_churn(inner)) or not mark and not inner


def in_order(chain, task):
    """The first link that does not lead to its next; None: all do."""
    number, running = int(task["name"][6:]), task["state"] == "running"
    for at, link in enumerate(chain):
        if not in_churn(link):
            return None
        inner = chain[at + 1] if at + 1 < len(chain) else None
        if local(link, "n") != number or not may_follow(link, inner, running):
            return at
    return None


def end_fits(chain, task):
    """asyncio.sleep(0) yields nothing, sleep(x) a future; an asyncio function is followed by no other program's."""
    if task["state"] == "running":
        return True
    names = [link.get("function") for link in chain if not in_churn(link)]
    end = task.get("waits_for") or {}
    if end.get("object") and end.get("type") != "_asyncio.Future":
        return False
    future = bool(end.get("object"))
    bottom = MARKED.get([link for link in chain if in_churn(link)][-1].get("line")) == "bottom"
    if not names:
        return len(chain) == 1 and not future
    return names == ["sleep", "__sleep0"] and not future if bottom else names == ["sleep"] and future


def why_not(task):
    """What is impossible about a churning task that is not marked torn; None: it may be so."""
    chain = task.get("chain") or []
    if task.get("torn") or task["state"] not in ("pending", "running"):
        return None
    if not chain or chain[0].get("function") != "churner":
        return "it does not begin with churner"
    at = in_order(chain, task)
    if at is not None:
        return "link %d does not lead on" % at
    return None if end_fits(chain, task) else "its end does not fit"


def control(tasks):
    """Put the outer part of one possible chain before the inner part of another: (such chains, those found impossible)."""
    churning = [t for t in tasks if t["name"].startswith("churn-") and t["state"] == "pending" and not t.get("torn")]
    whole = [t for t in churning if len(t.get("chain") or []) > 1 and not why_not(t)]
    made = found = 0
    for one, other in zip(whole, whole[1:]):
        chain = one["chain"][:1] + other["chain"][-1:]
        if [(x["function"], x["line"]) for x in chain] == [(x["function"], x["line"]) for x in one["chain"]]:
            continue  # one that is possible
        made += 1
        found += why_not(dict(one, chain=chain, waits_for=other.get("waits_for"))) is not None
    return made, found
