//! `namespaces.yaml`: the project's namespaces in order of priority.

use domain::namespace::{Namespace, NamespaceCode, NamespaceType, ValueRule};

use crate::problem::{Notes, Position};
use crate::read::{At, Members, Read, word};
use crate::suggest::instead_of;
use crate::yaml::Node;

use super::Forms;

/// The namespaces that a project names, highest priority first.
#[derive(Default)]
pub(crate) struct NamespacesForm(Vec<NamespaceForm>);

struct NamespaceForm {
    code: At<NamespaceCode>,
    title: Option<String>,
    kind: Option<At<NamespaceType>>,
    hashed: bool,
}

impl Read for NamespacesForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<NamespacesForm> {
        let mut members = Members::of(node, notes)?;
        let namespaces = members.required("namespaces", notes);
        members.finish(notes);
        let form = NamespacesForm(namespaces?);
        form.check(notes);
        Some(form)
    }
}

impl Read for NamespaceForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<NamespaceForm> {
        let mut members = Members::of(node, notes)?;
        let code = members.required("code", notes);
        let title = members.optional("title", notes);
        let kind = members.optional("type", notes);
        let hashed = members.optional("hashed", notes);
        members.finish(notes);
        Some(NamespaceForm { code: code?, title: title?, kind: kind?, hashed: hashed?.unwrap_or_default() })
    }
}

impl Read for NamespaceType {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<NamespaceType> {
        let words = [
            ("cookie", NamespaceType::Cookie),
            ("device", NamespaceType::Device),
            ("cross_device", NamespaceType::CrossDevice),
            ("email", NamespaceType::Email),
            ("phone", NamespaceType::Phone),
            ("partner_id", NamespaceType::PartnerId),
            ("non_people", NamespaceType::NonPeople),
        ];
        word(node, &words, notes)
    }
}

impl NamespacesForm {
    fn check(&self, notes: &mut Notes<'_>) {
        let standard = Namespace::standard();
        for (index, form) in self.0.iter().enumerate() {
            let NamespaceForm { code, kind, .. } = form;
            if self.0.iter().take(index).any(|earlier| earlier.code.value == code.value) {
                notes.note(code.at, format!("namespace `{}` is listed twice", code.value), None);
            }
            match (standard.iter().find(|known| known.code == code.value), kind) {
                (Some(known), Some(kind)) if known.kind != kind.value => {
                    let message = format!("the standard namespace `{}` has a type of its own", code.value);
                    notes.note(kind.at, message, "leave `type` out".to_owned());
                }
                (None, None) => {
                    let message =
                        format!("namespace `{}` is not a standard one and has no `type`", code.value);
                    let help = instead_of(code.value.as_str(), standard.iter().map(|known| &known.code));
                    notes.note(code.at, message, help.map(|help| format!("give it a type, or {help}")));
                }
                _ => {}
            }
        }
    }

    /// All namespaces in order of priority: those that are named, then the standard ones that are not.
    pub(crate) fn compile(&self) -> Vec<Namespace> {
        let mut standard = Namespace::standard();
        let mut namespaces = Vec::new();
        for NamespaceForm { code, title, kind, hashed } in &self.0 {
            let known = standard.iter().position(|known| known.code == code.value);
            let mut namespace = match (known, kind) {
                (Some(known), _) => standard.remove(known),
                (None, Some(kind)) => custom(code.value.clone(), kind.value),
                (None, None) => continue,
            };
            if let Some(title) = title {
                namespace.title.clone_from(title);
            }
            namespace.hashed = *hashed;
            namespaces.push(namespace);
        }
        namespaces.extend(standard);
        namespaces
    }

    /// Where a namespace is named.
    pub(crate) fn place(&self, code: &NamespaceCode) -> Position {
        self.0.iter().find(|form| form.code.value == *code).map_or(Position::START, |form| form.code.at)
    }
}

fn custom(code: NamespaceCode, kind: NamespaceType) -> Namespace {
    let value = match kind {
        NamespaceType::Email => ValueRule::Email,
        NamespaceType::Phone => ValueRule::PhoneE164,
        _ => ValueRule::Text,
    };
    Namespace { title: code.to_string(), code, kind, value, hashed: false }
}

impl Forms {
    /// The type of a namespace, if it is known. An unknown one is noted.
    pub(crate) fn namespace_type(
        &self,
        namespaces: &[Namespace],
        code: &At<NamespaceCode>,
        notes: &mut Notes<'_>,
    ) -> Option<NamespaceType> {
        let known = namespaces.iter().find(|known| known.code == code.value);
        if known.is_none() && self.namespaces.form.is_some() {
            let help = instead_of(code.value.as_str(), namespaces.iter().map(|known| &known.code));
            notes.note(code.at, format!("there is no namespace `{}`", code.value), help);
        }
        known.map(|known| known.kind)
    }
}
