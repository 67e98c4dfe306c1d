//! Field groups that come with the product: what data partners commonly know, so that two partners' data stand in the
//! same fields.

use std::collections::BTreeSet;

use domain::label::Label;
use domain::schema::Fields;
use domain::value::FieldPath;

use crate::problem::Notes;
use crate::read::{At, Entries, Members, Read};
use crate::suggest::instead_of;
use crate::xdm::Described;
use crate::yaml::{self, Node};

use super::field::{FieldForm, tree};

/// The groups by their names.
const GROUPS: [(&str, &str); 6] = [
    ("tributary/demographics", include_str!("../../../field-groups/demographics.yaml")),
    ("tributary/wealth-and-property", include_str!("../../../field-groups/wealth-and-property.yaml")),
    ("tributary/auto", include_str!("../../../field-groups/auto.yaml")),
    ("tributary/purchase-propensity", include_str!("../../../field-groups/purchase-propensity.yaml")),
    ("tributary/life-events", include_str!("../../../field-groups/life-events.yaml")),
    ("tributary/media", include_str!("../../../field-groups/media.yaml")),
];

struct GroupForm {
    title: String,
    description: String,
    labels: Vec<At<Label>>,
    fields: Entries<FieldPath, FieldForm>,
}

impl Read for GroupForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<GroupForm> {
        let mut members = Members::of(node, notes)?;
        let title = members.required("title", notes);
        let description = members.required("description", notes);
        let labels = members.required("labels", notes);
        let fields = members.required("fields", notes);
        members.finish(notes);
        Some(GroupForm { title: title?, description: description?, labels: labels?, fields: fields? })
    }
}

/// The names of all field groups.
pub fn field_groups() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().map(|(name, _)| *name)
}

/// A field group that comes with the product.
pub fn field_group(name: &str) -> Option<Described> {
    let mut problems = Vec::new();
    let mut notes = Notes::of(name, &mut problems);
    let group = read(name, &mut notes)?;
    let fields = group.fields.into_iter().map(|(path, field)| (path, field.compile(&group.labels)));
    Some(Described {
        title: group.title,
        description: Some(group.description),
        class: None,
        fields: tree(fields, &mut notes)?,
        definitions: Fields::new(),
        warnings: Vec::new(),
    })
}

/// The fields of the groups that a schema uses, each where the schema names its group.
pub(super) fn fields(named: &[At<String>], notes: &mut Notes<'_>) -> Entries<FieldPath, FieldForm> {
    let mut fields = Entries::new();
    let mut seen = BTreeSet::new();
    for At { value: name, at } in named {
        if !seen.insert(name) {
            notes.note(*at, format!("field group `{name}` is named a second time"), None);
            continue;
        }
        // What these files say is held by tests, so that nothing of it is a project's affair.
        let mut problems = Vec::new();
        let Some(group) = read(name, &mut Notes::of(name, &mut problems)) else {
            notes.note(*at, format!("there is no field group `{name}`"), instead_of(name, field_groups()));
            continue;
        };
        for (path, mut field) in group.fields {
            field.labels.extend(group.labels.iter().cloned());
            fields.push((At { value: path.value, at: *at }, field));
        }
    }
    fields
}

fn read(name: &str, notes: &mut Notes<'_>) -> Option<GroupForm> {
    let (_, text) = GROUPS.iter().find(|(known, _)| *known == name)?;
    GroupForm::read(&yaml::parse(text, notes)?, notes)
}

#[cfg(test)]
mod tests {
    use domain::schema::leaves;

    use super::*;

    #[test]
    fn every_group_reads_and_each_field_is_titled_described_and_third_partys() {
        for (name, text) in GROUPS {
            let mut problems = Vec::new();
            let mut notes = Notes::of(name, &mut problems);
            yaml::parse(text, &mut notes).and_then(|node| GroupForm::read(&node, &mut notes));
            assert_eq!(problems, [], "{name}");
            let group = field_group(name).unwrap();
            let fields = leaves(&group.fields);
            assert!(fields.len() >= 9, "{name}");
            for (path, field) in fields {
                assert!(field.title.is_some() && field.description.is_some(), "{name} {path}");
                assert!(field.labels.contains(&Label::from("Third-Party")), "{name} {path}");
                assert!(path.as_str().starts_with("partner."), "{name} {path}");
            }
        }
    }

    #[test]
    fn no_two_groups_share_a_field() {
        let groups: Vec<_> = field_groups().filter_map(field_group).collect();
        let mut paths: Vec<_> =
            groups.iter().flat_map(|group| leaves(&group.fields)).map(|(path, _)| path).collect();
        let all = paths.len();
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), all);
    }
}
