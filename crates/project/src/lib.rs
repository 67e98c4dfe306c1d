#![doc = include_str!("../README.md")]

mod compile;
mod eligibility;
mod examples;
mod explain;
mod folder;
mod forms;
mod growth;
mod load;
mod plugins;
mod problem;
mod read;
mod schemas;
mod shape;
mod suggest;
mod ungoverned;
mod xdm;
mod yaml;

pub use compile::Compiled;
pub use eligibility::eligibility;
pub use examples::Tried;
pub use explain::{Somebody, Unexplained, explain};
pub use forms::schema::group::{field_group, field_groups};
pub use load::Project;
pub use plugins::{Fault, Plugins};
pub use problem::{Problem, Problems};
pub use schemas::{FileSchema, schemas};
pub use suggest::instead_of;
pub use xdm::{Described, Documents};
