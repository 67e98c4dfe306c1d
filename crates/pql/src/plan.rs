//! Expressions that are evaluated together: what they have in common is there once.
//!
//! A plan is a graph. Its leaves are the distinct conditions of all its expressions, and what joins them is there once too,
//! however many expressions have it. [`evaluation`] settles a node for a strip of profiles at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use domain::value::FieldPath;

use crate::chain::Chain;
use crate::check::Checked;
use crate::condition::{Condition, Path, Term};
use crate::plan::kernel::Kernel;
use crate::plan::literals::Literals;
use crate::plan::members::Members;
use crate::plan::parts::{Depends, Part};

mod bits;
mod evaluation;
mod kernel;
mod literals;
mod members;
pub(crate) mod page;
mod parts;

pub use evaluation::Answers;

/// Expressions that are ready to be evaluated together, for any number of profiles.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Each after those that it joins.
    nodes: Vec<Planned>,
    fields: Vec<Field>,
    /// Where the fields are in each of a profile's views.
    views: BTreeMap<usize, Members>,
    /// What the conditions' numbers of audiences stand for; nothing, where it is an audience that nobody is in.
    audiences: Vec<Option<Reference>>,
    /// The node of each expression.
    roots: Vec<usize>,
    /// Of each expression the nodes that may have no answer and on which it depends.
    walks: Vec<Box<[usize]>>,
    chains: Vec<Chain>,
}

/// Takes expressions in, each after those that it refers to.
#[derive(Debug, Default)]
pub struct Planner {
    nodes: Vec<Planned>,
    node_numbers: HashMap<Node, usize>,
    fields: Vec<Field>,
    field_numbers: BTreeMap<(usize, FieldPath), usize>,
    views: BTreeMap<usize, Members>,
    audiences: Vec<Option<Reference>>,
    audience_numbers: HashMap<Option<Reference>, usize>,
    roots: Vec<usize>,
    chains: HashSet<Chain>,
}

/// What `inSegment` refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reference {
    /// An expression of the plan, by the number that it was given.
    Expression(usize),
    /// An audience whose members are known, by its place in [`Subject::audiences`](crate::Subject::audiences).
    Known(usize),
}

#[derive(Debug, Clone)]
struct Planned {
    node: Node,
    effort: Effort,
    /// How the node is settled column by column, where it can be.
    kernel: Option<Kernel>,
}

/// Something that holds or does not. Others are meant by their numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Node {
    Constant(bool),
    All(Box<[usize]>),
    Any(Box<[usize]>),
    Not(usize),
    /// Whether a profile is a member of an audience whose members are known.
    Known(usize),
    Condition(Condition),
}

/// What it takes to settle a node: where the cheaper ones of several decide, the others are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Effort {
    Columns,
    Rows,
    Events,
    Walk,
}

/// A field that some condition reads.
#[derive(Debug, Clone)]
struct Field {
    /// Which of a profile's views it is of.
    view: usize,
    path: Path,
    forms: Forms,
    literals: Literals,
}

/// In which forms a field is read.
#[derive(Debug, Clone, Copy, Default)]
struct Forms {
    /// As they are, where conditions are asked row by row.
    values: bool,
    literals: bool,
    numbers: bool,
    times: bool,
    dictionary: bool,
}

impl Planner {
    /// Takes in an expression that is about one of the profiles' views, and answers with its number in the plan: the first
    /// has number 0. `refer` says which audience an id means; nobody is in one that it does not know.
    pub fn add(
        &mut self,
        checked: &Checked,
        view: usize,
        refer: impl Fn(&str) -> Option<Reference>,
    ) -> usize {
        let mut fields = vec![0; checked.fields.len()];
        for (path, own) in &checked.fields {
            fields.get_mut(*own).into_iter().for_each(|number| *number = self.field(view, path));
        }
        let mut audiences = vec![0; checked.audiences.len()];
        for (id, own) in &checked.audiences {
            let audience = refer(id).filter(|reference| self.is_known(*reference));
            audiences.get_mut(*own).into_iter().for_each(|number| *number = self.audience(audience));
        }
        let renumber = |numbers: &[usize], own: &mut usize| {
            // INVARIANT: an expression numbers its fields and audiences from 0.
            *own = numbers.get(*own).copied().unwrap_or_default();
        };
        let mut condition = checked.condition.clone();
        condition.parts(&mut |part| match part {
            Part::Field { number, .. } => renumber(&fields, number),
            Part::Audience(number) => renumber(&audiences, number),
            Part::Walked(walked) => {
                walked.view = view;
                walked.audiences.values_mut().for_each(|number| renumber(&audiences, number));
            }
            Part::Chain(chain) => {
                self.chains.insert(chain.clone());
            }
        });
        let root = self.lower(condition);
        self.roots.push(root);
        self.roots.len() - 1
    }

    /// The plan of all that was taken in.
    pub fn finish(self) -> Plan {
        let walks = self.walks();
        let Planner { nodes, fields, views, audiences, roots, chains, .. } = self;
        Plan { nodes, fields, views, audiences, roots, walks, chains: chains.into_iter().collect() }
    }

    /// Of each expression the nodes that may have no answer and on which it depends, also by audiences that it refers to.
    fn walks(&self) -> Vec<Box<[usize]>> {
        let mut walks: Vec<BTreeSet<usize>> = Vec::with_capacity(self.nodes.len());
        for (number, planned) in self.nodes.iter().enumerate() {
            let on = match &planned.node {
                Node::Constant(_) | Node::Known(_) => Vec::new(),
                Node::All(joined) | Node::Any(joined) => joined.to_vec(),
                Node::Not(operand) => vec![*operand],
                Node::Condition(condition) => self.referred(condition),
            };
            let mut own: BTreeSet<usize> =
                on.iter().filter_map(|node| walks.get(*node)).flatten().copied().collect();
            if matches!(planned.node, Node::Condition(_)) && planned.effort == Effort::Walk {
                own.insert(number);
            }
            walks.push(own);
        }
        let of_root = |root: &usize| walks.get(*root).into_iter().flatten().copied().collect();
        self.roots.iter().map(of_root).collect()
    }

    /// The nodes of the expressions to which a condition refers as to audiences.
    fn referred(&self, condition: &Condition) -> Vec<usize> {
        let mut audiences = Vec::new();
        condition.clone().parts(&mut |part| match part {
            Part::Audience(number) => audiences.push(*number),
            Part::Walked(walked) => audiences.extend(walked.audiences.values()),
            Part::Field { .. } | Part::Chain(_) => {}
        });
        let root = |audience: usize| match self.audiences.get(audience) {
            Some(Some(Reference::Expression(number))) => self.roots.get(*number).copied(),
            _ => None,
        };
        audiences.into_iter().filter_map(root).collect()
    }

    fn is_known(&self, reference: Reference) -> bool {
        match reference {
            Reference::Expression(number) => number < self.roots.len(),
            Reference::Known(_) => true,
        }
    }

    fn field(&mut self, view: usize, path: &FieldPath) -> usize {
        let next = self.fields.len();
        let number = *self.field_numbers.entry((view, path.clone())).or_insert(next);
        if number == next {
            let (forms, literals) = (Forms::default(), Literals::default());
            self.fields.push(Field { view, path: path.into(), forms, literals });
            self.views.entry(view).or_default().add(path.steps(), number);
        }
        number
    }

    fn audience(&mut self, audience: Option<Reference>) -> usize {
        let next = self.audiences.len();
        let number = *self.audience_numbers.entry(audience).or_insert(next);
        if number == next {
            self.audiences.push(audience);
        }
        number
    }

    /// The node of a condition, and those of its parts.
    fn lower(&mut self, condition: Condition) -> usize {
        match condition {
            Condition::Constant(constant) => self.node(Node::Constant(constant)),
            Condition::Not(operand) => {
                let operand = self.lower(*operand);
                self.node(Node::Not(operand))
            }
            Condition::All(operands) => {
                let joined = self.joined(operands, true);
                match *joined {
                    [only] => only,
                    _ => self.node(Node::All(joined)),
                }
            }
            Condition::Any(operands) => {
                let joined = self.joined(operands, false);
                match *joined {
                    [only] => only,
                    _ => self.node(Node::Any(joined)),
                }
            }
            Condition::Holds(Term::Condition(condition)) => self.lower(*condition),
            Condition::InSegment(audience) => match self.audiences.get(audience).copied().flatten() {
                Some(Reference::Expression(number)) => match self.roots.get(number) {
                    Some(root) => *root,
                    None => self.node(Node::Constant(false)),
                },
                Some(Reference::Known(number)) => self.node(Node::Known(number)),
                None => self.node(Node::Constant(false)),
            },
            leaf => self.node(Node::Condition(leaf)),
        }
    }

    /// What is joined by `and`, or by `or`, in an order that does not depend on how it is written.
    fn joined(&mut self, operands: Vec<Condition>, by_and: bool) -> Box<[usize]> {
        let mut joined = Vec::with_capacity(operands.len());
        for operand in operands {
            match operand {
                Condition::All(inner) if by_and => joined.extend(self.joined(inner, by_and)),
                Condition::Any(inner) if !by_and => joined.extend(self.joined(inner, by_and)),
                operand => joined.push(self.lower(operand)),
            }
        }
        joined.sort_by_key(|number| (self.effort(*number), *number));
        joined.dedup();
        joined.into()
    }

    fn effort(&self, number: usize) -> Effort {
        self.nodes.get(number).map_or(Effort::Columns, |planned| planned.effort)
    }

    /// The number of a node, which is made if there is none like it.
    fn node(&mut self, node: Node) -> usize {
        if let Some(number) = self.node_numbers.get(&node) {
            return *number;
        }
        let (effort, kernel) = self.settling(&node);
        let number = self.nodes.len();
        self.nodes.push(Planned { node: node.clone(), effort, kernel });
        self.node_numbers.insert(node, number);
        number
    }

    /// What it takes to settle a node, and how it is settled column by column, where it can be.
    fn settling(&mut self, node: &Node) -> (Effort, Option<Kernel>) {
        let hardest = |of: &[usize]| of.iter().map(|number| self.effort(*number)).max();
        match node {
            Node::Constant(_) | Node::Known(_) => (Effort::Columns, None),
            Node::All(joined) | Node::Any(joined) => (hardest(joined).unwrap_or(Effort::Columns), None),
            Node::Not(operand) => (self.effort(*operand), None),
            Node::Condition(condition) => {
                let depends = Depends::of(&mut condition.clone());
                let kernel = self.kernel(condition, &depends);
                (if kernel.is_some() { Effort::Columns } else { depends.effort }, kernel)
            }
        }
    }

    fn kernel(&mut self, condition: &Condition, depends: &Depends) -> Option<Kernel> {
        let Some(field) = depends.at_most_one_field() else {
            for number in &depends.fields {
                self.fields.get_mut(*number).into_iter().for_each(|field| field.forms.values = true);
            }
            return None;
        };
        let Some(number) = field else { return Some(Kernel::Constant) };
        let field = self.fields.get_mut(number)?;
        Some(Kernel::on(number, field, condition, depends.on_times))
    }
}
