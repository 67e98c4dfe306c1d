//! What a project says of its files.

use destination::{Configure, Context, Descriptor, Destination, DestinationError};
use serde::Deserialize;

use crate::destination::{DESCRIPTOR, S3File};

/// Where the files go, and what stands in them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The folder in the bucket for exports.
    pub(crate) prefix: Prefix,
    /// The columns, in their order. A mapping maps to their names.
    pub(crate) columns: Columns,
    /// What happens to values that a spreadsheet would take for formulas.
    #[serde(default)]
    pub(crate) formulas: Formulas,
}

pub(crate) const EXAMPLE: &str = r#"{
    "prefix": "partners/acme",
    "columns": [{"name": "email_sha256", "transform": "sha256"}, {"name": "crm_id"}]
}"#;

impl Configure for Config {
    type Secret = ();

    fn descriptor() -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn targets(&self) -> Vec<&str> {
        self.columns.0.iter().map(|column| column.name.as_str()).collect()
    }

    fn connect(self, (): (), context: &Context) -> Result<Box<dyn Destination>, DestinationError> {
        Ok(Box::new(S3File::new(self, context.files.clone())))
    }
}

/// One column of the files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Column {
    /// Its name in the header and in mappings: lower-case letters, digits and `_`.
    pub(crate) name: String,
    /// What happens to its values.
    #[serde(default)]
    pub(crate) transform: Transform,
}

/// What happens to the values of a column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Transform {
    /// They leave as they are.
    #[default]
    None,
    /// They leave as the SHA-256 of the trimmed, lower-case text. For identities such as e-mail addresses.
    Sha256,
}

/// What happens to values that a spreadsheet would take for formulas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Formulas {
    /// An apostrophe before them makes them text.
    #[default]
    Escape,
    /// They leave as they are: the reader is no spreadsheet.
    Keep,
}

/// The columns of a file: one at least, and no two of one name.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Vec<Column>")]
pub(crate) struct Columns(pub(crate) Vec<Column>);

#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidColumns {
    #[error("there is no column, expected at least one")]
    None,
    #[error("`{0}` is no name of a column: expected lower-case letters, digits and `_`")]
    Name(String),
    #[error("the column `{0}` stands there twice")]
    Twice(String),
}

impl TryFrom<Vec<Column>> for Columns {
    type Error = InvalidColumns;

    fn try_from(columns: Vec<Column>) -> Result<Self, InvalidColumns> {
        let is_name = |each: char| each.is_ascii_lowercase() || each.is_ascii_digit() || each == '_';
        if columns.is_empty() {
            return Err(InvalidColumns::None);
        }
        for (index, Column { name, .. }) in columns.iter().enumerate() {
            if name.is_empty() || !name.chars().all(is_name) {
                return Err(InvalidColumns::Name(name.clone()));
            }
            if columns.iter().take(index).any(|earlier| earlier.name == *name) {
                return Err(InvalidColumns::Twice(name.clone()));
            }
        }
        Ok(Columns(columns))
    }
}

/// A folder, such as `partners/acme`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Prefix(String);

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no folder: expected names of letters, digits, `-`, `_`, `.` and `=` with `/` between them")]
pub(crate) struct InvalidPrefix(String);

impl TryFrom<String> for Prefix {
    type Error = InvalidPrefix;

    fn try_from(text: String) -> Result<Self, InvalidPrefix> {
        let folder = text.trim_end_matches('/');
        let is_name = |name: &str| {
            let good = |each: char| each.is_ascii_alphanumeric() || "-_.=".contains(each);
            !name.is_empty() && name.chars().all(good) && name.chars().any(|each| each != '.')
        };
        if folder.split('/').all(is_name) && folder.len() <= 512 {
            Ok(Prefix(folder.to_owned()))
        } else {
            Err(InvalidPrefix(text))
        }
    }
}

impl Prefix {
    /// The folder, without a `/` at its end.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_with_what_was_expected() {
        let error = |json: &str| serde_json::from_str::<Config>(json).unwrap_err().to_string();
        assert!(error(r#"{"prefix": "a", "columns": []}"#).contains("at least one"));
        assert!(
            error(r#"{"prefix": "a", "columns": [{"name": "E-Mail"}]}"#)
                .contains("`E-Mail` is no name of a column")
        );
        assert!(error(r#"{"prefix": "a", "columns": [{"name": "a"}, {"name": "a"}]}"#).contains("twice"));
        for prefix in ["", "/", "/a", "a//b", "../a", "a b"] {
            let json = format!(r#"{{"prefix": "{prefix}", "columns": [{{"name": "a"}}]}}"#);
            assert!(error(&json).contains("is no folder"), "{prefix}");
        }
    }
}
