//! Names that people give to the parts of a project, each of a type of its own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is no name for a part of a project.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` is no {kind} name: expected 1 to 64 letters, digits, `-` or `_`, beginning with a letter or digit"
)]
pub struct InvalidName {
    kind: &'static str,
    found: String,
}

fn check(kind: &'static str, text: &str) -> Result<(), InvalidName> {
    let fits = text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(|each| each.is_ascii_alphanumeric() || matches!(each, '-' | '_'));
    if fits { Ok(()) } else { Err(InvalidName { kind, found: text.to_owned() }) }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        ///
        /// 1 to 64 letters, digits, `-` or `_`, so that it can stand in keys, queue groups and object names as it is.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                check($kind, text)?;
                Ok($name(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                check($kind, &text)?;
                Ok($name(text))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// A dataset's name.
    DatasetName = "dataset";
    /// A schema's name.
    SchemaName = "schema";
    /// A data partner's name.
    PartnerName = "partner";
    /// An audience's name.
    AudienceName = "audience";
    /// A destination's name.
    DestinationName = "destination";
    /// A dataflow's name.
    DataflowName = "dataflow";
    /// A policy's name.
    PolicyName = "policy";
    /// A merge policy's name.
    MergePolicyName = "merge policy";
    /// A datastream's name, which is the ID that pages send as `configId`.
    DatastreamName = "datastream";
    /// An offer's name.
    OfferName = "offer";
}
