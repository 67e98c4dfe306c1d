//! What an evaluation may cost. Whatever the text and the profile are, the work has an end, and so has the stack.

use std::cell::Cell;

/// How many steps of work there may be: far more than any audience needs, and fewer than anybody would wait for.
pub(crate) const MAX_STEPS: usize = 5_000_000;

/// How deep what is looked at may lie in other values. No profile is so deep, but a short text can put a value into another
/// one time and again.
const MAX_DEPTH: usize = 256;

/// What an evaluation has cost so far.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    steps: Cell<usize>,
    depth: Cell<usize>,
    is_too_deep: Cell<bool>,
}

impl Budget {
    /// Counts steps of work, and says whether there may be more.
    pub(crate) fn work(&self, steps: usize) -> bool {
        self.steps.set(self.steps.get().saturating_add(steps));
        self.steps.get() <= MAX_STEPS && !self.is_too_deep.get()
    }

    /// Looks at what lies in a value: nothing comes of it, where that is too deep.
    pub(crate) fn within<T>(&self, look: impl FnOnce() -> Option<T>) -> Option<T> {
        let depth = self.depth.get();
        if depth == MAX_DEPTH {
            self.is_too_deep.set(true);
            return None;
        }
        self.depth.set(depth + 1);
        let found = look();
        self.depth.set(depth);
        found
    }

    /// What there is too much of.
    pub(crate) fn exceeded(&self) -> Option<String> {
        if self.is_too_deep.get() {
            Some(format!("values are nested more than {MAX_DEPTH} levels deep"))
        } else {
            (self.steps.get() > MAX_STEPS).then(|| format!("evaluation takes more than {MAX_STEPS} steps"))
        }
    }
}
