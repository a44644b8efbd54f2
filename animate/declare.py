"""How an option is declared: as a field of a frozen dataclass, with what every reader of it needs to know.

From these fields come the flags of a command, the columns of a manifest, the app's controls and the sidecar.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field, fields, is_dataclass
from typing import Any, Literal, NamedTuple

from .errors import InputError
from .io.timecode import parse_time

Kind = Literal["choice", "flag", "time", "number", "count", "parts", "text"]
_YES, _NO = ("true", "yes", "1", "on"), ("false", "no", "0", "off")


class Option(NamedTuple):
    """How one field is shown and read.

    flag: its name on the command line, without the dashes, and as a manifest's column.
    kind: one of `choices`; a flag without a value; a time (seconds or h:mm:ss); a number; a whole number
    ("count"); names of parts; any text.
    help, group, metavar: for `--help`. caption: the label of its control on a page, None for the flag.
    least, most: the range of a number.
    """

    flag: str
    kind: Kind
    help: str
    group: str = ""
    choices: tuple[str, ...] = ()
    metavar: str | None = None
    caption: str | None = None
    least: float = float("-inf")
    most: float = float("inf")

    def read(self, text: str) -> Any:
        """The value of a text: an argument or a manifest's cell. InputError, with the text as its subject, if
        it has none; the options class checks the range of a number."""
        if self.kind == "time":
            return parse_time(text)
        if self.kind == "parts":
            return tuple(text.split(",")) if text else ()
        if self.kind == "flag":
            if text.lower() not in (*_YES, *_NO):
                raise InputError(repr(text), "neither yes nor no", "write yes or no")
            return text.lower() in _YES
        if self.kind == "choice" and text not in self.choices:
            raise InputError(repr(text), "no such choice", f"take {' or '.join(self.choices)}")
        try:
            return int(text) if self.kind == "count" else float(text) if self.kind == "number" else text
        except ValueError:
            what = "a whole number" if self.kind == "count" else "a number"
            raise InputError(repr(text), f"not {what}", f"write {what}") from None

    def check(self, value: Any) -> None:
        """InputError if the value is none of the choices or out of range; None is always allowed."""
        if value is None:
            return
        if self.choices and value not in self.choices:
            raise InputError(f"--{self.flag} {value}", "unknown", f"take {' or '.join(self.choices)}")
        if self.kind in ("number", "count") and not self.least <= value <= self.most:
            most = " or more" if self.most == float("inf") else f" to {self.most:g}"
            raise InputError(f"--{self.flag} {value:g}", "out of range", f"give {self.least:g}{most}")


def option(default: Any, kind: Kind, help: str, group: str = "", flag: str = "", **more: Any) -> Any:
    """A field of an options class. flag: its name if that differs from the field's. more: as of `Option`."""
    return field(default=default, metadata={"option": Option(flag, kind, help, group, **more)})


def list_options(kind: type) -> Iterator[tuple[Option, Any]]:
    """Every option of an options class, nested ones too, with its default, in the order of declaration."""
    for _, each, default in _declared(kind):
        if each is None:
            yield from list_options(default)
        else:
            yield each, default


def option_values(options: Any) -> dict[str, Any]:
    """The values of an options object by flag, nested ones too.

    >>> from gfla.animate.options import AnimateOptions, MotionOptions
    >>> option_values(AnimateOptions(motion=MotionOptions("copy")))["motion"]
    'copy'
    """
    values = {}
    for name, each, _ in _declared(type(options)):
        value = getattr(options, name)
        values |= {each.flag: value} if each else option_values(value)
    return values


def command_arguments(options: Any) -> list[str]:
    """The arguments with which a command makes this options object: the values that differ from the defaults.

    >>> from gfla.animate.options import AnimateOptions, MotionOptions
    >>> command_arguments(AnimateOptions(motion=MotionOptions("copy", only=()), end=2.5, label=True))
    ['--motion=copy', '--only=', '--end=2.5', '--label']
    """
    words, values = [], option_values(options)
    for each, default in list_options(type(options)):
        value = values[each.flag]
        if value == default:
            continue
        if each.kind == "flag":
            words.append(f"--{each.flag}")
        elif each.kind == "parts":
            words.append(f"--{each.flag}={','.join(value)}")
        elif each.kind == "time":
            words.append(f"--{each.flag}={float(value)!r}")
        else:
            words.append(f"--{each.flag}={value}")
    return words


def make_options(kind: type, values: Mapping[str, Any]) -> Any:
    """An options object of `kind` from values by flag, as `option_values` gives them. Flags of other classes
    are ignored."""
    given: dict[str, Any] = {}
    for name, each, default in _declared(kind):
        if each is None:
            given[name] = make_options(default, values)
        elif each.flag in values:
            given[name] = values[each.flag]
    return kind(**given)


def read_texts(texts: Mapping[str, str], known: Mapping[str, Option]) -> dict[str, Any]:
    """Values by flag from texts by name, in which _ stands for - too. known: options by flag. InputError,
    beginning with the name, for what cannot be read."""
    values = {}
    for name, text in texts.items():
        flag = name.replace("_", "-").lstrip("-")
        if flag not in known:
            raise InputError(name, "there is no such option", f"choose of {', '.join(sorted(known))}")
        try:
            values[flag] = known[flag].read(text)
        except InputError as error:
            raise error.at(name) from None
    return values


def check_options(options: Any) -> None:
    """InputError for an option that is none of its choices or out of range."""
    for name, each, _ in _declared(type(options)):
        if each:
            each.check(getattr(options, name))


def _declared(kind: type) -> Iterator[tuple[str, Option | None, Any]]:
    """Fields of an options class: name, option, default; for nested options: name, None, their class. Other
    fields are left out."""
    for each in fields(kind):
        found: Option | None = each.metadata.get("option")
        if found:
            yield each.name, found._replace(flag=found.flag or each.name.replace("_", "-")), each.default
        elif is_dataclass(each.default_factory):
            yield each.name, None, each.default_factory
