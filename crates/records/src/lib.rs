//! Rows out of files: a dataset's columns checked and turned into the attributes of its schema, streaming.
//!
//! A [`Reader`] is given the bytes of one file and answers, row by row, either a [`Row`] or why the row cannot be
//! used ([`Rejected`]). A bad row never ends the reading, and every line that holds data is in exactly one of the
//! two. What comes out depends on the dataset and its schema, not on the file's format: CSV is the only one so far.
//!
//! ```
//! # use std::collections::{BTreeMap, BTreeSet};
//! # use domain::dataset::{Dataset, FileSource, Format, OnUnmatched, Retention, Source, WriteMode};
//! # use domain::schema::{Class, Field, FieldType, IdentityDescriptor, Schema};
//! # let mut email = Field::of(FieldType::String);
//! # email.identity = Some(IdentityDescriptor { namespace: "Email".parse()?, primary: true });
//! # let fields = [("email".to_owned(), email), ("age".to_owned(), Field::of(FieldType::Integer))];
//! # let schema =
//! #     Schema { name: "people".parse()?, title: String::new(), description: None, class: Class::Profile, fields: fields.into() };
//! # let dataset = Dataset {
//! #     name: "people".parse()?,
//! #     title: String::new(),
//! #     schema: "people".parse()?,
//! #     partner: None,
//! #     labels: BTreeSet::new(),
//! #     source: Source::Files(FileSource {
//! #         prefix: "people/".into(),
//! #         format: Format::Csv,
//! #         columns: BTreeMap::from([("email".into(), "email".parse()?), ("age".into(), "age".parse()?)]),
//! #         ignored_columns: BTreeSet::new(),
//! #         row_time: None,
//! #         file_time: None,
//! #     }),
//! #     write_mode: WriteMode::Replace,
//! #     on_unmatched: OnUnmatched::Create,
//! #     error_threshold: 5.0,
//! #     approve_above: 10.0,
//! #     retention: Retention::default(),
//! # };
//! let file = "email,age\nmary@example.com,37\njohn@example.com,unknown\n";
//! let mut reader = records::Reader::new(file.as_bytes(), &dataset, &schema)?;
//!
//! let mary = reader.next().unwrap()?.unwrap();
//! assert_eq!((mary.number, mary.line), (1, 2));
//!
//! let rejected = reader.next().unwrap()?.unwrap_err();
//! assert_eq!(rejected.code.as_str(), "wrong_type");
//! assert_eq!(rejected.reason, "column `age`: expected an integer, found text of 7 characters");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cell;
mod columns;
mod csv;
mod header;
mod reader;
mod rejected;

pub use header::HeaderError;
pub use reader::{Reader, Row};
pub use rejected::{Code, LARGEST_RECORD, Rejected};
