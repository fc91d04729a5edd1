"""Compares measured counts with the budget."""

MAX_RISE = 1.05
NOTABLE_FALL = 0.95


def flat(counts):
    return {f"{setup}: {page}": count for setup, pages in counts.items() for page, count in pages.items()}


def compare(budget, measured):
    """Returns a report, and whether all pages are within the budget."""
    allowed, counts = flat(budget["instructions per request"]), flat(measured["instructions per request"])
    width = max(map(len, allowed | counts))
    lines = [f"{'Instructions per request':{width}}     budget   measured"]
    rose = fell = False
    for page in allowed | counts:
        if page not in allowed or page not in counts:
            missing = "budget.json" if page not in allowed else "the measurement"
            lines.append(f"{page:{width}}  is not in {missing}")
            rose = True
            continue
        ratio = counts[page] / allowed[page]
        note = ""
        if ratio > MAX_RISE:
            note, rose = "  TOO MANY", True
        elif ratio < NOTABLE_FALL:
            note, fell = "  lower the budget", True
        lines.append(f"{page:{width}} {allowed[page]:>10,} {counts[page]:>10,} {ratio - 1:>+7.1%}{note}")
    lines.append(f"The budget is for rustc {budget['rustc']}; the measured site was built with rustc {measured['rustc']}.")
    if rose:
        lines.append(
            "The budget is exceeded. If the increase is intended, or only due to another release of Rust (measure the\n"
            "previous commit with it to find out), update the budget with benches/instructions/measure.py --update, and\n"
            "give the reason in the commit message."
        )
    elif fell:
        lines.append("Lower the budget to keep the improvement: benches/instructions/measure.py --update")
    return "\n".join(lines), not rose
