"""Finds the `az` commands in shell scripts and in the code blocks of documents."""

import re

# Stand-ins for the values of variables in documents and scripts.
GUID = "00000000-0000-0000-0000-000000000000"
ID = f"/subscriptions/{GUID}/resourceGroups/group/providers/Microsoft.Web/sites/site"
VALUES = {
    "LOCATION": ["eastus"],
    "PLAN_SKU": ["B1"],
    "DB_SKU": ["Standard_B1ms"],
    "DB_TIER": ["Burstable"],
    "always_on": ["true"],
    "service": ["scm"],
    "SERVICE": ["scm"],
    "address": ["203.0.113.1"],
    "MOMENT": ["2026-11-20T09:30:00Z"],
    "in_group": ["--resource-group", "group"],
    "azure_rule": ["--resource-group", "group", "--server-name", "server", "--name", "rule"],
}


def stand_in(variable):
    """The words that stand in for the value of a variable."""
    if variable in VALUES:
        return VALUES[variable]
    if variable.lower().endswith(("client_id", "principal_id", "admin_id", "oid", "account_id", "subscription_id")):
        return [GUID]
    if variable.lower().endswith("_id"):
        return [ID]
    return ["value"]


def blocks(markdown):
    """The shell commands of a Markdown document: its code blocks, and `az` commands with options in its sentences."""
    fence = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.M | re.S)
    # A block in a list is indented, which a shell ignores.
    shell = [match.group(2) for match in fence.finditer(markdown) if match.group(1) in ("sh", "shell", "bash", "azurecli", "console")]
    # With an ellipsis, it is a pattern.
    inline = re.findall(r"`(az [^`…]* --[^`…]*)`", fence.sub("", markdown))
    return "\n".join([*shell, *inline])


def az_commands(script):
    """Every `az` command of a script, as a list of the words after `az`."""
    found = []
    _Lexer(script.replace("\\\n", " "), found).read_commands(0, None)
    return found


class _Lexer:
    def __init__(self, text, found):
        self.text, self.found = text, found

    def read_commands(self, at, end):
        """Reads commands up to the character `end`. Returns the position where it stopped."""
        text, words = self.text, []
        while at < len(text):
            c = text[at]
            if c == end:
                break
            if c in "\n;|&(){}!" and not (c in "{}!" and text[at + 1 : at + 2] not in (" ", "\n", "\t", "")):
                self._end(words)
                words = []
                at += 1
            elif c in " \t":
                at += 1
            elif c == "#":
                at = _find(text, "\n", at)
            elif redirection := re.compile(r"\d*(>>|>&|>|<<<|<&|<)\d*[ \t]*").match(text, at):
                at = redirection.end()
                if not re.match(r"\d*[<>]&", redirection.group()):
                    _, at = self._word(at, end)
            else:
                new, at = self._word(at, end)
                words += new
        self._end(words)
        return at

    def _word(self, at, end):
        """Reads one word, or several for an array. Each is a pair: its text, and whether it was quoted."""
        text, parts, quoted = self.text, [""], False
        while at < len(text) and text[at] not in " \t\n;|&<>" and text[at] != end:
            c = text[at]
            if c == "\\":
                parts[-1] += text[at + 1 : at + 2]
                quoted, at = True, at + 2
            elif c == "'":
                close = _find(text, "'", at + 1)
                parts[-1] += text[at + 1 : close]
                quoted, at = True, close + 1
            elif c == '"':
                quoted, at = True, at + 1
                while at < len(text) and text[at] != '"':
                    if text[at] == "\\":
                        parts[-1] += text[at + 1]
                        at += 2
                    elif text[at] == "$":
                        at = self._expansion(at, parts)
                    else:
                        parts[-1] += text[at]
                        at += 1
                at += 1
            elif c == "$":
                at = self._expansion(at, parts)
            elif c in "()" and parts == [""]:
                break
            elif c == "(" and parts[-1].endswith("="):
                # An array may hold a command that is run later, so its words are read as one.
                at = self.read_commands(at + 1, ")") + 1
            elif c == ")":
                break
            else:
                parts[-1] += c
                at += 1
        return [(part, quoted) for part in parts], at

    def _expansion(self, at, parts):
        """Reads an expansion, which begins with a $."""
        text = self.text
        if text.startswith("$((", at):
            parts[-1] += "1"
            return _find(text, "))", at) + 2
        if text.startswith("$(", at):
            at = self.read_commands(at + 2, ")")
            parts[-1] += "value"
            return at + 1
        if match := re.compile(r"\$\{\{.*?\}\}").match(text, at):  # a workflow's expression
            parts[-1] += "value"
            return match.end()
        match = re.compile(r"\$(?:\{!?(\w+)(\[@\])?[^}]*\}|(\w+)|([@#?*$!-]))").match(text, at)
        if not match:
            parts[-1] += "$"
            return at + 1
        values = stand_in(match.group(1) or match.group(3) or "")
        parts[-1] += values[0]
        parts.extend(values[1:])
        return match.end()

    def _end(self, words):
        """Ends a command, and records it if it runs `az`."""
        for index, (word, quoted) in enumerate(words):
            if word == "az" and not quoted:
                self.found.append([word for word, _ in words[index + 1 :]])
                return


def _find(text, pattern, at):
    found = text.find(pattern, at)
    return len(text) if found < 0 else found
