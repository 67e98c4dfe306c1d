//! `destinations/<name>.yaml`: a connection to one account of one vendor.

use domain::dataflow::Destination;
use domain::label::MarketingAction;
use domain::name::DestinationName;

use crate::problem::{Notes, Position};
use crate::read::{At, Members, Read};
use crate::suggest::instead_of;
use crate::yaml::{Content, Node};

use super::Scope;

pub(crate) struct DestinationForm {
    title: Option<String>,
    pub(crate) plugin: At<String>,
    marketing_actions: At<Vec<At<MarketingAction>>>,
    config: Node,
    secret: Option<At<String>>,
}

impl Read for DestinationForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<DestinationForm> {
        let mut members = Members::of(node, notes)?;
        let title = members.optional("title", notes);
        let plugin = members.required("plugin", notes);
        let marketing_actions = members.required::<At<Vec<_>>>("marketing_actions", notes);
        let config = members.node("config").cloned();
        let secret = members.optional("secret", notes);
        members.finish(notes);
        Some(DestinationForm {
            title: title?,
            plugin: plugin?,
            marketing_actions: marketing_actions?,
            config: config.unwrap_or(Node {
                at: node.at,
                offset: node.offset,
                content: Content::Map(Vec::new()),
            }),
            secret: secret?,
        })
    }
}

impl DestinationForm {
    pub(crate) fn compile(
        &self,
        name: &DestinationName,
        scope: &Scope<'_>,
        notes: &mut Notes<'_>,
    ) -> Option<Destination> {
        let actions = &self.marketing_actions;
        scope.forms.check_actions(&actions.value, notes);
        if actions.value.is_empty() {
            let help = "name what the vendor does with the data, as `[Export to Third Party]`".to_owned();
            notes.note(actions.at, "a destination without marketing actions would pass every policy", help);
        }
        if let Some(secret) = self.secret.as_ref().filter(|secret| !is_secret_name(&secret.value)) {
            let help = "name the secret; the credentials themselves have no place in a project".to_owned();
            notes.note(
                secret.at,
                "this is no name of a secret: expected letters, digits, `-`, `_`, `/`",
                help,
            );
        }
        let config = self.config.to_json();
        let is_sound = self.check_plugin(&config, scope, notes);
        is_sound.then(|| Destination {
            name: name.clone(),
            title: self.title.clone().unwrap_or_else(|| name.to_string()),
            plugin: self.plugin.value.clone(),
            marketing_actions: actions.value.iter().map(|action| action.value.clone()).collect(),
            config,
            secret: self.secret.as_ref().map(|secret| secret.value.clone()),
        })
    }

    /// Whether the plugin exists and can work with its settings.
    fn check_plugin(&self, config: &serde_json::Value, scope: &Scope<'_>, notes: &mut Notes<'_>) -> bool {
        let plugin = self.plugin.value.as_str();
        let known = scope.plugins.names();
        if !known.contains(&plugin) {
            notes.note(self.plugin.at, format!("there is no plugin `{plugin}`"), instead_of(plugin, known));
            return false;
        }
        let faults = scope.plugins.faults(plugin, config, &[]);
        for fault in &faults {
            let field = fault.field.as_deref().unwrap_or_default();
            let of = if field.is_empty() { String::new() } else { format!("`{field}`: ") };
            notes.note(self.config.place(field), format!("{of}{}", fault.message), None);
        }
        faults.is_empty()
    }

    /// Where the plugin is named.
    pub(crate) fn place(&self) -> Position {
        self.plugin.at
    }
}

pub(crate) fn is_secret_name(name: &str) -> bool {
    name.len() <= 128 && name.chars().all(|each| each.is_ascii_alphanumeric() || "-_/".contains(each))
}
