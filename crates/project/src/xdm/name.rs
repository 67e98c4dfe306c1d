//! Names of fields: those of documents have prefixes, those of records have none.

/// Says what a JSON-LD document's prefixes stand for: no field of a record.
pub(super) const CONTEXT: &str = "@context";

/// Where the field of a document's name stands in a record, as Adobe's platform has it: `xdm:person` is `person`, `@id`
/// is `_id`, and `repo:createDate` is `createDate` in `_repo`.
pub(super) fn steps(name: &str) -> Result<Vec<String>, String> {
    let steps = match name.split_once(':') {
        _ if name.starts_with('@') => vec![name.replacen('@', "_", 1)],
        Some(("xdm", rest)) => vec![rest.to_owned()],
        Some((prefix, rest)) => vec![format!("_{prefix}"), rest.to_owned()],
        None => vec![name.to_owned()],
    };
    let is_name = |step: &String| {
        step.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && step.chars().all(|each| each.is_ascii_alphanumeric() || each == '_')
    };
    if steps.iter().all(is_name) {
        Ok(steps)
    } else {
        Err(format!(
            "`{name}` is no field's name: expected letters, digits and underscores, behind a prefix such as `xdm:`"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_documents_names_become_those_of_records() {
        for (name, expected) in [
            ("xdm:person", "person"),
            ("_acme", "_acme"),
            ("@id", "_id"),
            ("repo:createDate", "_repo.createDate"),
            ("plain1", "plain1"),
        ] {
            assert_eq!(steps(name).unwrap().join("."), expected);
        }
        for name in ["", "xdm:", "a-b", "a b", "xdm:a:b", "1a", "@", "ä"] {
            assert_eq!(steps(name).is_ok(), name == "@", "{name}");
        }
    }
}
