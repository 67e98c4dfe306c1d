//! What the loader asks of the destination plugins. Whoever knows the plugins answers it.

use serde_json::Value;

/// The destination plugins that a project may use.
pub trait Plugins {
    /// Their names.
    fn names(&self) -> Vec<&str>;

    /// Everything that is wrong with the settings for a plugin and with the targets that a dataflow maps to, all of
    /// them; nothing, if they can work. Without targets it is the settings alone that are looked at. The name is one
    /// of [`names`](Plugins::names).
    fn faults(&self, plugin: &str, config: &Value, targets: &[&str]) -> Vec<Fault>;

    /// What of the vendor takes one dataflow alone, in words for people; none if there may be many.
    fn sole(&self, _plugin: &str, _config: &Value) -> Option<String> {
        None
    }

    /// Whether a plugin hands members over as files. Prospects leave in no other way.
    fn writes_files(&self, _plugin: &str) -> bool {
        true
    }

    /// What a plugin sends of a value that is mapped to a target; nothing where it can make nothing of it.
    fn cell(&self, _plugin: &str, _config: &Value, _target: &str, _value: &str) -> Option<String> {
        None
    }
}

/// One thing that is wrong with a plugin's settings or targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which setting, as in `a.b[0]`, or which target; none if it is all of them.
    pub field: Option<String>,
    /// What was found and what was expected.
    pub message: String,
}
