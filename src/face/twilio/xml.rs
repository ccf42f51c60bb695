//! A TwiML document as a tree, bounded in length, depth and number of elements. It has no DOCTYPE, and so no entities of its own.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::face::body::PROMPT_BYTES_MAX;

/// A document is at most so long (Twilio's own bound for `Twiml` is 4,000 characters).
const DOCUMENT_BYTES_MAX: usize = PROMPT_BYTES_MAX;
/// `Response`, a verb, what it nests, and what that nests.
const DEPTH_MAX: usize = 4;
/// Elements of one document.
const ELEMENTS_MAX: usize = 256;

/// What is kept of a name.
const NAME_BYTES_MAX: usize = 32;

/// An element and what stands in it.
#[derive(Default)]
pub struct Element {
    /// Its name, as it was written: TwiML's names have capitals.
    pub name: String,
    attributes: Vec<(String, String)>,
    /// All of its own text.
    pub text: String,
    /// In their order.
    pub children: Vec<Element>,
}

impl Element {
    /// An attribute's value.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim())
    }

    /// Its text, with every run of white space one space.
    pub fn words(&self) -> String {
        self.text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Reads a document; else what is wrong with it, in one clause.
pub fn read(text: &str) -> Result<Element, String> {
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(format!("is longer than {DOCUMENT_BYTES_MAX} bytes"));
    }
    let mut tree = Tree::default();
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event().map_err(|error| format!("is not well-formed: {error}"))? {
            Event::Start(start) => tree.open(&start)?,
            Event::Empty(start) => {
                tree.open(&start)?;
                tree.close()?;
            }
            Event::End(_) => tree.close()?,
            Event::Text(text) => tree.text(&text.decode().map_err(|_| "is not UTF-8")?)?,
            Event::CData(text) => tree.text(&text.decode().map_err(|_| "is not UTF-8")?)?,
            Event::GeneralRef(name) => tree.text(&entity(&name)?)?,
            Event::DocType(_) => return Err("has a DOCTYPE, which TwiML has no use for".to_owned()),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => return tree.finish(),
        }
    }
}

#[derive(Default)]
struct Tree {
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
}

impl Tree {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        self.elements += 1;
        if self.open.is_empty() && self.root.is_some() {
            return Err("must be one <Response>".to_owned());
        }
        if self.open.len() >= DEPTH_MAX || self.elements > ELEMENTS_MAX {
            return Err("is nested too deep or has too many elements".to_owned());
        }
        // Longer names are none of TwiML's; they may be told, and are not told whole.
        let text =
            |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(NAME_BYTES_MAX)]).into_owned();
        let mut element = Element { name: text(start.name().as_ref()), ..Element::default() };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| format!("is not well-formed: {error}"))?;
            let value =
                quick_xml::escape::unescape(std::str::from_utf8(&attribute.value).unwrap_or_default());
            let value = value.map_err(|_| "has an entity that XML does not have")?;
            element.attributes.push((text(attribute.key.as_ref()), value.into_owned()));
        }
        self.open.push(element);
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let element = self.open.pop().ok_or("is not well-formed")?;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err("has text outside of <Response>".to_owned()),
        }
        Ok(())
    }

    fn finish(self) -> Result<Element, String> {
        let root = self.root.filter(|root| self.open.is_empty() && root.name == "Response");
        root.ok_or_else(|| "must be one <Response>".to_owned())
    }
}

/// `&amp;` and its like, or a character by its number.
fn entity(name: &BytesRef<'_>) -> Result<String, String> {
    let unknown = || "has an entity that XML does not have".to_owned();
    if let Some(character) = name.resolve_char_ref().map_err(|_| unknown())? {
        return Ok(character.to_string());
    }
    let text = name.decode().map_err(|_| unknown())?;
    resolve_predefined_entity(&text).map(str::to_owned).ok_or_else(unknown)
}
