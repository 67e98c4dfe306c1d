//! Data usage labels and marketing actions.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The name as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                $name(text.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    )*};
}

words! {
    /// A data usage label: a core one (`C1`, `I1`, ...), `Third-Party`, or one of the project's own. Case-sensitive.
    Label;
    /// What a destination does with data: a core marketing action such as `Email Targeting`, or one of the
    /// project's own. Case-sensitive.
    MarketingAction;
}

impl Label {
    /// The label by itself, where it is named as the platform names it where it keeps labels: `core/C1` is `C1`, and
    /// `custom/Mine` is `Mine`.
    pub fn unqualified(&self) -> Label {
        let name = self.0.strip_prefix("core/").or_else(|| self.0.strip_prefix("custom/"));
        Label(name.unwrap_or(&self.0).to_owned())
    }
}

/// The label of data that an external vendor supplies under contract (category "Partner Ecosystem").
pub const THIRD_PARTY: &str = "Third-Party";

/// The core label of what is seen of several identities of a person together. Nobody writes it on a field for that: it
/// follows from the merge policy.
pub const STITCHED_IDENTITY: &str = "C10";

/// The core marketing action of choosing content for a visitor of one's own site.
pub const ONSITE_PERSONALIZATION: &str = "Onsite Personalization";

/// The core marketing action of showing advertisements on one's own site.
pub const ONSITE_ADVERTISING: &str = "Onsite Advertising";

/// The core labels of Adobe's glossary, and what each says.
pub const CORE_LABELS: [(&str, &str); 19] = [
    ("C1", "leaves only in aggregate, without person or device identifiers"),
    ("C2", "is not exported to third parties"),
    ("C3", "is not combined with directly identifiable information"),
    ("C4", "is not used for targeting of advertisements or content"),
    ("C5", "is not used for interest-based, cross-site targeting"),
    ("C6", "is not used for on-site targeting of advertisements"),
    ("C7", "is not used for on-site targeting of content"),
    ("C8", "is not used to measure one's own sites or apps"),
    ("C9", "is not used in data science"),
    (STITCHED_IDENTITY, "is not used for activation of a stitched identity"),
    ("C11", "is not shared through Segment Match"),
    ("C12", "is not exported in any way"),
    ("I1", "directly identifies a person"),
    ("I2", "indirectly identifies a person"),
    ("S1", "is a precise latitude and longitude"),
    ("S2", "is a broad geofence area"),
    ("PSPD", "is permitted sensitive personal data"),
    ("RHD", "is regulated health data"),
    (THIRD_PARTY, "is supplied by an external data vendor under contract"),
];

/// The core marketing actions of Adobe's documents.
pub const CORE_MARKETING_ACTIONS: [&str; 10] = [
    "Analytics",
    "Combine with directly identifiable data",
    "Cross Site Targeting",
    "Data Science",
    "Email Targeting",
    "Export to Third Party",
    ONSITE_ADVERTISING,
    ONSITE_PERSONALIZATION,
    "Segment Match",
    "Single Identity Personalization",
];
