//! The syntax tree, and its canonical text.

use std::fmt;

use crate::error::Span;
use crate::window::Window;

/// A part of an expression, and where it stands.
///
/// Two nodes are equal if they mean the same, wherever they stand.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    pub(crate) span: Span,
    /// How many nodes lie on the longest way down, this one included, and each generator and each step of a chain for one.
    pub(crate) height: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NodeKind {
    Literal(Literal),
    /// `["a", "b"]`, or the parenthesised list after `in`.
    List(Vec<Node>),
    /// A bare name: a variable, or a field of what a condition is about, which mostly is the profile.
    Name(String),
    /// `^name`: a field of what the condition around is about, as many of them around as there are carets.
    Up {
        levels: usize,
        name: Word,
    },
    /// `$1`.
    Parameter(u32),
    /// `of.name`.
    Member {
        of: Box<Node>,
        name: Word,
    },
    /// `function(arguments)` or `receiver.function(arguments)`.
    Call {
        receiver: Option<Box<Node>>,
        function: Word,
        arguments: Vec<Node>,
    },
    Negate(Box<Node>),
    Not(Box<Node>),
    /// Two operands or more. Chains are flat, so that a long audience is no deep tree.
    And(Vec<Node>),
    Or(Vec<Node>),
    Binary {
        operator: Operator,
        left: Box<Node>,
        right: Box<Node>,
    },
    /// `instant occurs window`.
    Occurs {
        instant: Box<Node>,
        window: Box<Window<Node>>,
    },
    /// `CHAIN(events, time, [steps])`.
    Chain {
        events: Box<Node>,
        time: Box<Node>,
        steps: Vec<Step>,
    },
    /// `(parameters) => body`.
    Lambda {
        parameters: Vec<Word>,
        body: Box<Node>,
    },
    /// `{"key": value}`.
    Object(Vec<(String, Node)>),
    /// `of[condition]`.
    Filter {
        of: Box<Node>,
        condition: Box<Node>,
    },
    /// `select V from array where condition`.
    Quantified {
        quantifier: Quantifier,
        generators: Vec<Generator>,
    },
    /// `sum item over V from array where condition`.
    Aggregate {
        aggregate: Aggregate,
        item: Box<Node>,
        generators: Vec<Generator>,
    },
    /// `let name = value in body`.
    Let {
        name: Word,
        value: Box<Node>,
        body: Box<Node>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantifier {
    /// The tuples that satisfy the conditions.
    Select,
    /// Whether there is such a tuple.
    Exists,
    /// Whether all tuples are such.
    ForAll,
}

impl Quantifier {
    pub(crate) const ALL: [Quantifier; 3] = [Quantifier::Select, Quantifier::Exists, Quantifier::ForAll];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Quantifier::Select => "select",
            Quantifier::Exists => "exists",
            Quantifier::ForAll => "forall",
        }
    }
}

/// What is made of the numbers of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

impl Aggregate {
    pub(crate) const ALL: [Aggregate; 4] =
        [Aggregate::Sum, Aggregate::Average, Aggregate::Min, Aggregate::Max];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Aggregate::Sum => "sum",
            Aggregate::Average => "average",
            Aggregate::Min => "min",
            Aggregate::Max => "max",
        }
    }
}

/// `variable from range where condition`: the items of an array, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Generator {
    pub(crate) variable: Word,
    pub(crate) range: Box<Node>,
    pub(crate) condition: Option<Box<Node>>,
}

/// `label: WHAT(what) WHEN(window) WHERE(condition) COUNT(count)`, of which only the first two parts must be there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    pub(crate) label: Word,
    pub(crate) what: Box<Node>,
    pub(crate) when: Option<Box<When>>,
    pub(crate) condition: Option<Box<Node>>,
    pub(crate) count: u64,
}

/// The window of a step, with a place of its own for messages.
#[derive(Debug, Clone)]
pub(crate) struct When {
    pub(crate) window: Window<Node>,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Text(String),
}

/// A name inside a node, with a place of its own for messages.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
    Matches,
    In,
    NotIn,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    pub(crate) const COMPARISONS: [Operator; 10] = [
        Operator::Equal,
        Operator::Unequal,
        Operator::Less,
        Operator::LessOrEqual,
        Operator::Greater,
        Operator::GreaterOrEqual,
        Operator::Like,
        Operator::Matches,
        Operator::In,
        Operator::NotIn,
    ];
    /// Those that a distance in time is compared by.
    pub(crate) const DISTANCES: [Operator; 6] = [
        Operator::Equal,
        Operator::Unequal,
        Operator::Less,
        Operator::LessOrEqual,
        Operator::Greater,
        Operator::GreaterOrEqual,
    ];
    pub(crate) const SUMS: [Operator; 2] = [Operator::Add, Operator::Subtract];
    pub(crate) const PRODUCTS: [Operator; 3] = [Operator::Multiply, Operator::Divide, Operator::Remainder];

    /// The comparison that says the same with its operands exchanged.
    pub(crate) fn mirrored(self) -> Operator {
        match self {
            Operator::Less => Operator::Greater,
            Operator::LessOrEqual => Operator::GreaterOrEqual,
            Operator::Greater => Operator::Less,
            Operator::GreaterOrEqual => Operator::LessOrEqual,
            same => same,
        }
    }

    /// The operator as it is written.
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Operator::Equal => "=",
            Operator::Unequal => "!=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::Like => "like",
            Operator::Matches => "matches",
            Operator::In => "in",
            Operator::NotIn => "notIn",
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::Remainder => "%",
        }
    }

    fn power(self) -> Power {
        match self {
            Operator::Add | Operator::Subtract => Power::Sum,
            Operator::Multiply | Operator::Divide | Operator::Remainder => Power::Product,
            _ => Power::Comparison,
        }
    }
}

/// How tightly a node's syntax holds together, the loosest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Power {
    Lambda,
    Or,
    And,
    Not,
    Comparison,
    Sum,
    Product,
    Unary,
    Postfix,
}

impl Node {
    pub(crate) fn new(kind: NodeKind, span: Span) -> Node {
        // Each generator is about those to its left, and each step of a chain follows those before it.
        let own = match &kind {
            NodeKind::Quantified { generators, .. } | NodeKind::Aggregate { generators, .. } => {
                generators.len()
            }
            NodeKind::Chain { steps, .. } => steps.len(),
            _ => 1,
        };
        let height = own + kind.children().map(|child| child.height).max().unwrap_or(0);
        Node { kind, span, height }
    }

    /// Whether it is a literal, or a list of literals.
    pub(crate) fn is_literal(&self) -> bool {
        match &self.kind {
            NodeKind::Literal(_) => true,
            NodeKind::List(items) => items.iter().all(Node::is_literal),
            _ => false,
        }
    }

    fn power(&self) -> Power {
        match &self.kind {
            // What ends with a condition takes all that follows.
            NodeKind::Lambda { .. }
            | NodeKind::Let { .. }
            | NodeKind::Quantified { .. }
            | NodeKind::Aggregate { .. } => Power::Lambda,
            NodeKind::Or(_) => Power::Or,
            NodeKind::And(_) => Power::And,
            NodeKind::Not(_) => Power::Not,
            NodeKind::Binary { operator, .. } => operator.power(),
            NodeKind::Occurs { .. } => Power::Comparison,
            NodeKind::Negate(_) => Power::Unary,
            _ => Power::Postfix,
        }
    }

    fn begins_with_number(&self) -> bool {
        match &self.kind {
            NodeKind::Literal(literal) => matches!(literal, Literal::Integer(_) | Literal::Double(_)),
            NodeKind::Member { of: first, .. }
            | NodeKind::Filter { of: first, .. }
            | NodeKind::Call { receiver: Some(first), .. } => first.begins_with_number(),
            _ => false,
        }
    }

    fn first_word(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Name(name) => Some(name),
            NodeKind::Call { receiver: None, function, .. } => Some(&function.text),
            NodeKind::Member { of: first, .. }
            | NodeKind::Filter { of: first, .. }
            | NodeKind::Call { receiver: Some(first), .. }
            | NodeKind::Binary { left: first, .. } => first.first_word(),
            _ => None,
        }
    }

    /// This node as a value of a window: what could be read as a word of the window's own stands in parentheses.
    fn within_window(&self) -> Within<'_> {
        let is_ambiguous = matches!(self.first_word(), Some("on" | "between" | "this"));
        Within { node: self, parenthesised: is_ambiguous || self.power() < Power::Sum }
    }

    /// This node where at least `least` is wanted: in parentheses, if it holds together less tightly.
    fn within(&self, least: Power) -> Within<'_> {
        Within { node: self, parenthesised: self.power() < least }
    }
}

impl NodeKind {
    pub(crate) fn children(&self) -> Box<dyn Iterator<Item = &Node> + '_> {
        match self {
            NodeKind::Literal(_) | NodeKind::Name(_) | NodeKind::Up { .. } | NodeKind::Parameter(_) => {
                Box::new(std::iter::empty())
            }
            NodeKind::List(nodes) | NodeKind::And(nodes) | NodeKind::Or(nodes) => Box::new(nodes.iter()),
            NodeKind::Call { receiver, arguments, .. } => {
                Box::new(receiver.iter().map(|receiver| &**receiver).chain(arguments))
            }
            NodeKind::Binary { left, right, .. } => Box::new([&**left, &**right].into_iter()),
            NodeKind::Occurs { instant, window } => {
                Box::new(std::iter::once(&**instant).chain(window.values()))
            }
            NodeKind::Chain { events, time, steps } => {
                Box::new([&**events, &**time].into_iter().chain(steps.iter().flat_map(Step::children)))
            }
            NodeKind::Member { of: node, .. }
            | NodeKind::Negate(node)
            | NodeKind::Not(node)
            | NodeKind::Lambda { body: node, .. } => Box::new(std::iter::once(&**node)),
            NodeKind::Object(members) => Box::new(members.iter().map(|(_, value)| value)),
            NodeKind::Filter { of: first, condition: second }
            | NodeKind::Let { value: first, body: second, .. } => Box::new([&**first, &**second].into_iter()),
            NodeKind::Quantified { generators, .. } => {
                Box::new(generators.iter().flat_map(Generator::children))
            }
            NodeKind::Aggregate { item, generators, .. } => {
                Box::new(std::iter::once(&**item).chain(generators.iter().flat_map(Generator::children)))
            }
        }
    }
}

impl Generator {
    pub(crate) fn children(&self) -> impl Iterator<Item = &Node> {
        std::iter::once(&*self.range).chain(self.condition.as_deref())
    }
}

impl Step {
    pub(crate) fn children(&self) -> impl Iterator<Item = &Node> {
        let window = self.when.iter().flat_map(|when| when.window.values());
        std::iter::once(&*self.what).chain(window).chain(self.condition.as_deref())
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        self.kind == other.kind
    }
}

impl PartialEq for When {
    fn eq(&self, other: &When) -> bool {
        self.window == other.window
    }
}

impl PartialEq for Word {
    fn eq(&self, other: &Word) -> bool {
        self.text == other.text
    }
}

struct Within<'a> {
    node: &'a Node,
    parenthesised: bool,
}

impl fmt::Display for Within<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.parenthesised { write!(formatter, "({})", self.node) } else { self.node.fmt(formatter) }
    }
}

/// The canonical text: single spaces, double quotes, and only the parentheses that are needed.
impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            NodeKind::Literal(literal) => literal.fmt(formatter),
            NodeKind::List(items) => {
                formatter.write_str("[")?;
                separated(formatter, items, ", ", Power::Lambda)?;
                formatter.write_str("]")
            }
            NodeKind::Name(name) => formatter.write_str(name),
            NodeKind::Up { levels, name } => write!(formatter, "{}{name}", "^".repeat(*levels)),
            NodeKind::Parameter(position) => write!(formatter, "${position}"),
            NodeKind::Member { of, name } => write!(formatter, "{}.{name}", of.within(Power::Postfix)),
            NodeKind::Call { receiver, function, arguments } => {
                if let Some(receiver) = receiver {
                    write!(formatter, "{}.", receiver.within(Power::Postfix))?;
                }
                write!(formatter, "{function}(")?;
                separated(formatter, arguments, ", ", Power::Lambda)?;
                formatter.write_str(")")
            }
            // Without parentheses, minus and a number would be one literal.
            NodeKind::Negate(operand) if operand.begins_with_number() => write!(formatter, "-({operand})"),
            NodeKind::Negate(operand) => write!(formatter, "-{}", operand.within(Power::Unary)),
            NodeKind::Not(operand) => write!(formatter, "not {}", operand.within(Power::Not)),
            NodeKind::And(operands) => separated(formatter, operands, " and ", Power::Not),
            NodeKind::Or(operands) => separated(formatter, operands, " or ", Power::And),
            NodeKind::Binary { operator, left, right } => {
                let (least_left, least_right) = match operator.power() {
                    Power::Sum => (Power::Sum, Power::Product),
                    Power::Product => (Power::Product, Power::Unary),
                    _ => (Power::Sum, Power::Sum),
                };
                write!(
                    formatter,
                    "{} {} {}",
                    left.within(least_left),
                    operator.symbol(),
                    right.within(least_right)
                )
            }
            NodeKind::Occurs { instant, window } => {
                write!(formatter, "{} occurs {}", instant.within(Power::Sum), window.map(Node::within_window))
            }
            NodeKind::Chain { events, time, steps } => {
                write!(formatter, "CHAIN({events}, {time}, [")?;
                for (index, step) in steps.iter().enumerate() {
                    write!(formatter, "{}{step}", if index > 0 { ", " } else { "" })?;
                }
                formatter.write_str("])")
            }
            NodeKind::Lambda { parameters, body } => {
                let parameters: Vec<&str> = parameters.iter().map(|word| word.text.as_str()).collect();
                write!(formatter, "({}) => {body}", parameters.join(", "))
            }
            NodeKind::Object(members) => {
                formatter.write_str("{")?;
                for (index, (key, value)) in members.iter().enumerate() {
                    let separator = if index > 0 { ", " } else { "" };
                    write!(formatter, "{separator}{}: {value}", Quoted(key))?;
                }
                formatter.write_str("}")
            }
            NodeKind::Filter { of, condition } => {
                write!(formatter, "{}[{condition}]", of.within(Power::Postfix))
            }
            NodeKind::Quantified { quantifier, generators } => {
                write!(formatter, "{} {}", quantifier.name(), Generators(generators))
            }
            NodeKind::Aggregate { aggregate, item, generators } => {
                // In parentheses, so that whatever it begins with, it cannot be read as an operand.
                write!(formatter, "{} ({item}) over {}", aggregate.name(), Generators(generators))
            }
            NodeKind::Let { name, value, body } => {
                write!(formatter, "let {name} = {} in {body}", value.within(Power::Sum))
            }
        }
    }
}

struct Generators<'a>(&'a [Generator]);

impl fmt::Display for Generators<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Generator { variable, range, condition }) in self.0.iter().enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            write!(formatter, "{separator}{variable} from {}", range.within(Power::Sum))?;
            if let Some(condition) = condition {
                // The condition of an inner quantifier would take the generators that follow.
                write!(formatter, " where {}", condition.within(Power::Or))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: WHAT({})", self.label, self.what)?;
        if let Some(when) = &self.when {
            write!(formatter, " WHEN({})", when.window.map(Node::within_window))?;
        }
        if let Some(condition) = &self.condition {
            write!(formatter, " WHERE({condition})")?;
        }
        if self.count != 1 {
            write!(formatter, " COUNT({})", self.count)?;
        }
        Ok(())
    }
}

fn separated(
    formatter: &mut fmt::Formatter<'_>,
    nodes: &[Node],
    separator: &str,
    least: Power,
) -> fmt::Result {
    for (index, node) in nodes.iter().enumerate() {
        if index > 0 {
            formatter.write_str(separator)?;
        }
        write!(formatter, "{}", node.within(least))?;
    }
    Ok(())
}

impl fmt::Display for Word {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Boolean(boolean) => boolean.fmt(formatter),
            Literal::Integer(number) => number.fmt(formatter),
            // Debug, unlike Display, keeps a sign of being no integer: `1.0`, `1e300`.
            Literal::Double(number) => write!(formatter, "{number:?}"),
            Literal::Text(text) => Quoted(text).fmt(formatter),
        }
    }
}

/// A text in quotes, with escapes where they are needed.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\"")?;
        for each in self.0.chars() {
            match each {
                '"' => formatter.write_str("\\\"")?,
                '\\' => formatter.write_str("\\\\")?,
                '\n' => formatter.write_str("\\n")?,
                '\r' => formatter.write_str("\\r")?,
                '\t' => formatter.write_str("\\t")?,
                control if control.is_control() => write!(formatter, "\\u{:04x}", u32::from(control))?,
                plain => write!(formatter, "{plain}")?,
            }
        }
        formatter.write_str("\"")
    }
}
