"""XML of a stranger, read without its traps: no document types, no entities, no depth, no namespaces."""

from dataclasses import dataclass, field
from xml.parsers import expat

from controller.errors import TariffImplausible

DEEPEST = 12


@dataclass(slots=True)
class Element:
    """A tag with its text and what is inside it."""

    tag: str
    text: str = ""
    inside: list["Element"] = field(default_factory=list)

    def all(self, tag: str) -> list["Element"]:
        """Return what is directly inside under this tag."""
        return [element for element in self.inside if element.tag == tag]

    def read(self, *path: str) -> str | None:
        """Return the text at the end of a path of tags, None if it is not there."""
        at = self
        for tag in path:
            found = at.all(tag)
            if not found:
                return None
            at = found[0]
        return at.text.strip()


def tree(body: bytes) -> Element:
    """Return the outermost element. Raises TariffImplausible for anything but plain well-formed XML.

    A document type is refused as such, which is the door of every entity attack (billion laughs, outside
    files).
    """
    top = Element("")
    stack = [top]

    def begin(name: str, _attributes: dict[str, str]) -> None:
        if len(stack) > DEEPEST:
            raise TariffImplausible("XML deeper than a price list")
        element = Element(name.rpartition(":")[2])
        stack[-1].inside.append(element)
        stack.append(element)

    def end(_name: str) -> None:
        stack.pop()

    def text(data: str) -> None:
        stack[-1].text += data

    def refuse(*_: object) -> None:
        raise TariffImplausible("XML with a document type; refused")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise TariffImplausible(f"not XML ({type(error).__name__})") from None
    return top.inside[0]
