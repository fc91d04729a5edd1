"""Holds what was measured against the budget."""

RISE = 1.05
FALL = 0.95


def flat(counts):
    return {f"{set_up}: {page}": count for set_up, pages in counts.items() for page, count in pages.items()}


def compare(budget, measured):
    """A report in words, and whether no page takes more than it may."""
    allowed, counts = flat(budget["instructions per request"]), flat(measured["instructions per request"])
    width = max(map(len, allowed | counts))
    lines = [f"{'Instructions per request':{width}}     budget   measured"]
    rose = fell = False
    for page in allowed | counts:
        if page not in allowed or page not in counts:
            missing = "budget.json" if page not in allowed else "what was measured"
            lines.append(f"{page:{width}}  is not in {missing}")
            rose = True
            continue
        ratio = counts[page] / allowed[page]
        note = ""
        if ratio > RISE:
            note, rose = "  TOO MANY", True
        elif ratio < FALL:
            note, fell = "  fewer: lower the budget", True
        lines.append(f"{page:{width}} {allowed[page]:>10,} {counts[page]:>10,} {ratio - 1:>+7.1%}{note}")
    lines.append(f"The budget was made with rustc {budget['rustc']}, what was measured with rustc {measured['rustc']}.")
    if rose:
        lines.append(
            "The budget does not hold. If the rise is wanted, or comes from another release of Rust alone (measure the commit\n"
            "before with it), write the budget anew and say why in the commit: benches/instructions/measure.py --update"
        )
    elif fell:
        lines.append("Keep what was won: benches/instructions/measure.py --update")
    return "\n".join(lines), not rose
