//! What a plugin says of itself before anything is configured.

/// The facts that hold for every destination of one plugin, whatever its configuration.
#[derive(Debug)]
pub struct Descriptor {
    /// The name that a project's YAML uses: lower-case letters, digits and `-`.
    pub name: &'static str,
    /// The name that people know it by.
    pub title: &'static str,
    /// What arrives where, in a sentence.
    pub description: &'static str,
    /// What a mapping may map to. Empty where the configuration names the targets ([`Configure::targets`]).
    ///
    /// [`Configure::targets`]: crate::Configure::targets
    pub targets: &'static [Target],
    /// The marketing actions that activating here usually amounts to: a suggestion for whoever sets a destination up.
    pub marketing_actions: &'static [&'static str],
    /// Whether members are handed over as files. Prospects may leave in no other way.
    pub files: bool,
    /// The most records that one request may carry.
    pub max_records: usize,
    /// Whether adding or removing the same record twice is the same as once. A call of unknown fate is then made
    /// again; otherwise it is left for a person to decide.
    pub idempotent: bool,
    /// A configuration that works, as JSON: shown to whoever writes one, and parsed in a test.
    pub config_example: &'static str,
    /// The shape of the credentials, as JSON; `None` for a destination that needs none.
    pub secret_example: Option<&'static str>,
}

impl Descriptor {
    /// The target of that key.
    pub fn target(&self, key: &str) -> Option<&'static Target> {
        self.targets.iter().find(|target| target.key == key)
    }

    /// The targets that can tell who a person is. Where there are any, a mapping has to map to one of them.
    pub fn identifying(&self) -> impl Iterator<Item = &'static str> {
        self.targets.iter().filter(|target| target.identifies).map(|target| target.key)
    }
}

/// One thing that a mapping can map to.
#[derive(Debug)]
pub struct Target {
    /// The key as the mapping writes it and as records carry it.
    pub key: &'static str,
    /// What belongs there.
    pub description: &'static str,
    /// A value as a source would hold it.
    pub example: &'static str,
    /// Whether the value alone can tell who a person is ([`Descriptor::identifying`]).
    pub identifies: bool,
    /// Whether it leaves as a hash only.
    pub hashed: bool,
}
