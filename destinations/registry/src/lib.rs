//! The plugins that there are: the one list, written by hand, so that what runs is what is read here.

use destination::{DestinationError, ErrorKind, Plugin};

/// Every plugin, by name. A new destination is a line here.
pub const PLUGINS: [Plugin; 3] = [adobe_target::PLUGIN, facebook::PLUGIN, s3_file::PLUGIN];

/// The plugin of that name, or an error that lists the names.
pub fn find(name: &str) -> Result<Plugin, DestinationError> {
    PLUGINS.into_iter().find(|plugin| plugin.descriptor().name == name).ok_or_else(|| {
        let names: Vec<&str> = PLUGINS.iter().map(|plugin| plugin.descriptor().name).collect();
        let message = format!("`{name}` is no plugin, expected one of `{}`", names.join("`, `"));
        DestinationError::new(ErrorKind::ConfigInvalid, "find plugin", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_found_by_its_name() {
        assert_eq!(find("facebook").unwrap().descriptor().name, "facebook");
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = find("fakebook").unwrap_err();
        assert_eq!(
            error.to_string(),
            "find plugin: `fakebook` is no plugin, expected one of `adobe-target`, `facebook`, `s3-file`"
        );
    }

    #[test]
    fn suggested_marketing_actions_are_ones_that_a_project_may_name() {
        for plugin in PLUGINS {
            for action in plugin.descriptor().marketing_actions {
                assert!(
                    domain::label::CORE_MARKETING_ACTIONS.contains(action),
                    "{plugin:?} suggests `{action}`"
                );
            }
        }
    }

    #[test]
    fn names_differ_and_stand_in_order() {
        assert!(PLUGINS.is_sorted_by(|one, next| one.descriptor().name < next.descriptor().name));
    }
}
