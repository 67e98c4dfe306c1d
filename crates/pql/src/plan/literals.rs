//! What conditions compare a field with, as numbers.

use domain::value::Value;

use crate::datum::Datum;

/// The texts that conditions compare a field with, each with a code: what a value is to them is a byte. It is found by
/// comparing, not by hashing, so that no text that a profile has is worse than others.
#[derive(Debug, Clone, Default)]
pub(super) struct Literals {
    /// In the order of their lengths first: most texts are told apart by these.
    texts: Vec<(Box<str>, u8)>,
}

impl Literals {
    pub(super) const NULL: u8 = 0;
    /// A value that nothing is compared with.
    const OTHER: u8 = 1;
    pub(super) const FALSE: u8 = 2;
    const TRUE: u8 = 3;
    /// An array without items.
    pub(super) const EMPTY: u8 = 4;
    const FIRST_TEXT: usize = 5;

    /// The code of a value.
    pub(super) fn code(&self, value: Datum<'_>) -> u8 {
        match value {
            Datum::Boolean(false) => Literals::FALSE,
            Datum::Boolean(true) => Literals::TRUE,
            Datum::Values([]) => Literals::EMPTY,
            Datum::Text(text) => match self.place(text) {
                Ok(place) => self.texts.get(place).map_or(Literals::OTHER, |(_, code)| *code),
                Err(_) => Literals::OTHER,
            },
            _ => Literals::OTHER,
        }
    }

    /// The code that a literal has from now on, if there is one for it.
    pub(super) fn add(&mut self, literal: &Value) -> Option<u8> {
        match literal {
            Value::Boolean(boolean) => Some(self.code(Datum::Boolean(*boolean))),
            Value::String(text) => match self.place(text) {
                Ok(place) => self.texts.get(place).map(|(_, code)| *code),
                Err(place) => {
                    let code = u8::try_from(Literals::FIRST_TEXT + self.texts.len()).ok()?;
                    self.texts.insert(place, (text.as_str().into(), code));
                    Some(code)
                }
            },
            _ => None,
        }
    }

    fn place(&self, text: &str) -> Result<usize, usize> {
        self.texts.binary_search_by(|(own, _)| own.len().cmp(&text.len()).then_with(|| (**own).cmp(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_keeps_its_code_as_long_as_there_are_codes() {
        let text = |number: usize| format!("{number}");
        let mut literals = Literals::default();
        let codes: Vec<u8> =
            (0..300).map_while(|number| literals.add(&Value::String(text(number)))).collect();
        assert_eq!(codes.len(), 251);
        for (number, code) in codes.iter().enumerate() {
            assert_eq!(literals.code(Datum::Text(&text(number))), *code);
            assert_eq!(literals.add(&Value::String(text(number))), Some(*code));
        }
        let others =
            [Datum::Text("251"), Datum::Text(""), Datum::Integer(1), Datum::Values(&[Value::Integer(1)])];
        assert!(others.iter().all(|other| literals.code(*other) == Literals::OTHER));
        let mut own = codes;
        own.extend([Literals::NULL, Literals::OTHER, Literals::EMPTY]);
        own.extend([false, true].map(|boolean| literals.code(Datum::Boolean(boolean))));
        own.sort_unstable();
        assert!(own.is_sorted_by(|left, right| left < right), "no two have the same code");
    }
}
