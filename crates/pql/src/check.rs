//! Syntax tree to condition: names are resolved, types are checked, and whatever can be built once is built.

use std::collections::{BTreeMap, BTreeSet};

use domain::value::{FieldPath, Value};

use crate::Schemas;
use crate::ast::{Literal, Node, NodeKind, Operator, Word};
use crate::condition::{Condition, Constant, Pattern, Term, Test};
use crate::error::{Error, Span};
use crate::functions::{FUNCTIONS, Function, Meaning};
use crate::infer::infer_by;
use crate::text::{Patterns, java, like};
use crate::types::Type;
use crate::walk::Walked;

mod edge;
mod events;
mod fields;

/// The most patterns that an expression may have.
const MAX_PATTERNS: usize = Patterns::<String>::MOST;

/// An expression that fits a schema.
#[derive(Debug, Clone)]
pub struct Checked {
    pub(crate) condition: Condition,
    /// The numbers that the condition has for fields of the profile.
    pub(crate) fields: BTreeMap<FieldPath, usize>,
    /// The numbers that it has for audiences.
    pub(crate) audiences: BTreeMap<String, usize>,
    reads: BTreeSet<FieldPath>,
    event_reads: BTreeSet<FieldPath>,
    beyond_edge: Vec<Error>,
    misplaced: Vec<Error>,
}

impl Checked {
    /// Every field that the expression reads, an object as a whole under its own path; fields of events begin with
    /// `xEvent.`.
    ///
    /// Labels are inherited through these.
    pub fn reads(&self) -> &BTreeSet<FieldPath> {
        &self.reads
    }

    /// Every field of events that the expression reads, as it stands in an event: those of [`Self::reads`] that begin
    /// with `xEvent.`, without that.
    ///
    /// Of an event nothing else is needed to evaluate the expression.
    pub fn event_reads(&self) -> &BTreeSet<FieldPath> {
        &self.event_reads
    }

    /// Whether the answer depends on events at all.
    pub fn reads_events(&self) -> bool {
        // INVARIANT: whatever looks at events reads their time at least.
        !self.event_reads.is_empty()
    }

    /// Whether the expression can be evaluated at the edge, which has the profile and the events of the last 24 hours.
    ///
    /// # Errors
    /// Every part that asks for more.
    pub fn edge_eligibility(&self) -> Result<(), &[Error]> {
        if self.beyond_edge.is_empty() { Ok(()) } else { Err(&self.beyond_edge) }
    }

    /// Every number, text or date that stands where a condition is expected.
    ///
    /// There it holds of whoever has it, whatever it is: it was meant to be compared with something. That is for those to
    /// know who write an expression; one that is in use goes on meaning what it means.
    pub fn misplaced_values(&self) -> &[Error] {
        &self.misplaced
    }

    /// Every audience that the expression refers to with `inSegment`, as it is written there.
    pub fn audiences(&self) -> impl Iterator<Item = &String> {
        self.audiences.keys()
    }
}

/// Checks a whole expression, and finds all that is wrong with it.
pub(crate) fn check(root: &Node, schemas: &Schemas<'_>) -> Result<Checked, Vec<Error>> {
    let events = fields::with_timestamp(schemas.events);
    let schemas = Schemas { events: &events, ..*schemas };
    let mut checker = Checker {
        schemas,
        profile: None,
        scopes: vec![Owner::Profile],
        labels: Vec::new(),
        fields: BTreeMap::new(),
        reads: BTreeSet::new(),
        event_reads: BTreeSet::new(),
        audiences: BTreeMap::new(),
        references: Vec::new(),
        patterns: 0,
        errors: Vec::new(),
        beyond_edge: Vec::new(),
        misplaced: Vec::new(),
    };
    let condition = checker.query(root);
    checker.check_references_at_edge();
    if checker.errors.iter().any(|error| error.is_walked) {
        return walked(root, &schemas);
    }
    if !checker.errors.is_empty() {
        return Err(checker.errors);
    }
    Ok(Checked {
        condition,
        fields: checker.fields,
        audiences: checker.audiences,
        reads: checker.reads,
        event_reads: checker.event_reads,
        beyond_edge: checker.beyond_edge,
        misplaced: checker.misplaced,
    })
}

/// An expression with parts that conditions do not have: the tree itself is evaluated.
fn walked(root: &Node, schemas: &Schemas<'_>) -> Result<Checked, Vec<Error>> {
    let (faults, reads) = infer_by(root, schemas);
    let mut errors = faults.of_form;
    errors.extend(faults.of_type);
    if !errors.is_empty() {
        errors.sort_by_key(|error| error.span.start);
        return Err(errors);
    }
    let message = "the expression has parts that the edge does not evaluate yet";
    let help = "give the audience `evaluation: batch`, and refer to it with `inSegment`";
    let numbered = reads.audiences.into_iter().enumerate();
    let audiences: BTreeMap<String, usize> = numbered.map(|(number, id)| (id, number)).collect();
    Ok(Checked {
        condition: Condition::Walked(Box::new(Walked {
            root: root.clone(),
            patterns: reads.patterns,
            audiences: audiences.clone(),
            view: 0,
        })),
        fields: BTreeMap::new(),
        audiences,
        reads: reads.fields,
        event_reads: reads.events,
        beyond_edge: vec![Error::beyond_edge(message, root.span.clone()).help(help)],
        misplaced: faults.misplaced,
    })
}

struct Checker<'a> {
    schemas: Schemas<'a>,
    /// What the head of the query calls the profile.
    profile: Option<&'a str>,
    /// Whose fields bare names are, innermost last: the profile's, and those of events in a chain.
    scopes: Vec<Owner>,
    /// The steps of the chain around.
    labels: Vec<&'a str>,
    fields: BTreeMap<FieldPath, usize>,
    reads: BTreeSet<FieldPath>,
    event_reads: BTreeSet<FieldPath>,
    audiences: BTreeMap<String, usize>,
    /// Where audiences are referred to.
    references: Vec<Span>,
    patterns: usize,
    errors: Vec<Error>,
    beyond_edge: Vec<Error>,
    misplaced: Vec<Error>,
}

/// Whose field a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Profile,
    Event,
}

/// A term, its type, and where it stands.
struct Typed {
    term: Term,
    kind: Type,
    span: Span,
}

impl<'a> Checker<'a> {
    fn query(&mut self, root: &'a Node) -> Condition {
        let NodeKind::Lambda { parameters, body } = &root.kind else { return self.condition(root) };
        match parameters.as_slice() {
            [profile] => self.profile = Some(&profile.text),
            [_, second, ..] => self.errors.push(
                Error::wrong_type(format!("query has no second parameter `{second}`"), second.span.clone())
                    .help("name the profile only: `(P) => ...`"),
            ),
            [] => {}
        }
        self.condition(body)
    }

    /// A node in boolean position.
    fn condition(&mut self, node: &'a Node) -> Condition {
        let Typed { term, kind, span } = self.term(node);
        if matches!(kind, Type::Number | Type::String | Type::Date | Type::DateTime) {
            self.misplaced.push(no_condition(&article(&kind), span));
        }
        match term {
            Term::Condition(condition) => *condition,
            Term::Constant(Constant(Value::Boolean(constant))) => Condition::Constant(constant),
            term => Condition::Holds(term),
        }
    }

    fn conditions(&mut self, nodes: &'a [Node]) -> Vec<Condition> {
        nodes.iter().map(|node| self.condition(node)).collect()
    }

    fn term(&mut self, node: &'a Node) -> Typed {
        let span = node.span.clone();
        match &node.kind {
            NodeKind::Literal(literal) => literal_term(literal, span),
            NodeKind::List(items) => self.list(items, span),
            NodeKind::Name(_) | NodeKind::Up { .. } | NodeKind::Parameter(_) | NodeKind::Member { .. } => {
                self.field(node)
            }
            NodeKind::Call { receiver, function, arguments } => {
                self.call(receiver.as_deref(), function, arguments, span)
            }
            NodeKind::Negate(operand) => {
                let operand = self.term(operand);
                let operand = self.expect(operand, &Type::Number, "`-`");
                Typed { term: Term::Negate(Box::new(operand)), kind: Type::Number, span }
            }
            NodeKind::Not(operand) => boolean(Condition::Not(Box::new(self.condition(operand))), span),
            NodeKind::And(operands) => boolean(Condition::All(self.conditions(operands)), span),
            NodeKind::Or(operands) => boolean(Condition::Any(self.conditions(operands)), span),
            NodeKind::Binary { operator, left, right } => self.binary(*operator, left, right, span),
            NodeKind::Occurs { instant, window } => self.occurs(instant, window, span),
            NodeKind::Chain { events, time, steps } => self.chain(events, time, steps, span),
            NodeKind::Lambda { .. } => self.fault(
                Error::wrong_type("a lambda stands where a value is expected", span)
                    .help("a lambda may stand at the head of a query"),
            ),
            NodeKind::Object(_) => self.not_compiled("{...}", span),
            NodeKind::Filter { .. } => self.not_compiled("[...]", span),
            NodeKind::Quantified { quantifier, .. } => self.not_compiled(quantifier.name(), span),
            NodeKind::Aggregate { aggregate, .. } => {
                self.not_compiled(&format!("{} ... over ...", aggregate.name()), span)
            }
            NodeKind::Let { .. } => self.not_compiled("let", span),
        }
    }

    /// A part of the language that conditions do not have yet.
    fn not_compiled(&mut self, what: &str, span: Span) -> Typed {
        self.fault(Error::not_compiled(&format!("`{what}`"), span))
    }

    fn binary(&mut self, operator: Operator, left: &'a Node, right: &'a Node, span: Span) -> Typed {
        let (left, right) = (self.term(left), self.term(right));
        let symbol = format!("`{}`", operator.symbol());
        let (test, wanted) = match operator {
            Operator::Equal | Operator::Unequal => {
                let (left, right) = self.comparable(left, right, &symbol);
                (Test::Equal(left, right), operator == Operator::Equal)
            }
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                let (left, right) = self.ordered(left, right, &symbol);
                (Test::Ordered { left, operator, right }, true)
            }
            Operator::Like => return self.pattern(left, right, "`like`", like, span),
            Operator::Matches => return self.pattern(left, right, "`matches`", java, span),
            Operator::In | Operator::NotIn => {
                (self.membership(left, right, &symbol), operator == Operator::In)
            }
            _ => {
                let left = Box::new(self.expect(left, &Type::Number, &symbol));
                let right = Box::new(self.expect(right, &Type::Number, &symbol));
                return Typed { term: Term::Arithmetic { operator, left, right }, kind: Type::Number, span };
            }
        };
        boolean(Condition::Test { test, wanted }, span)
    }

    fn list(&mut self, items: &'a [Node], span: Span) -> Typed {
        let mut kind = Type::Unknown;
        let mut terms = Vec::with_capacity(items.len());
        for item in items {
            let item = self.term(item);
            if kind == Type::Unknown {
                kind = item.kind.clone();
            } else if !kind.fits(&item.kind) {
                self.errors.push(
                    Error::wrong_type(format!("list of {kind} has an item of type {}", item.kind), item.span)
                        .help("write all items of a list as values of one type"),
                );
                return unknown(span);
            }
            terms.push(item.term);
        }
        Typed { term: Term::List(terms), kind: Type::Array(Box::new(kind)), span }
    }

    fn call(
        &mut self,
        receiver: Option<&'a Node>,
        name: &'a Word,
        arguments: &'a [Node],
        span: Span,
    ) -> Typed {
        let Some(function) = Function::named(&name.text) else {
            return self.fault(unknown_function(name));
        };
        if let Some(error) = misshapen(function, receiver, name, arguments) {
            return self.fault(error);
        }
        let mut operands = receiver.into_iter().chain(arguments);
        let (first, second, third) = (operands.next(), operands.next(), operands.next());
        let called = format!("`{name}`");
        let mut operand =
            |node: Option<&'a Node>| node.map_or_else(|| unknown(span.clone()), |node| self.term(node));
        match function.meaning {
            Meaning::CurrentPart(part) => {
                Typed { term: Term::Calendar { part, of: None }, kind: Type::Number, span }
            }
            Meaning::Date => self.date(arguments, span),
            Meaning::InSegment => self.segment(first, span),
            Meaning::IsNull { wanted } => {
                boolean(Condition::IsNull { term: operand(first).term, wanted }, span)
            }
            Meaning::Text { test, wanted } => {
                let (subject, argument) = (operand(first), operand(second));
                let ignore_case = self.ignores_case(third, &called);
                let subject = self.expect(subject, &Type::String, &called);
                let argument = self.expect(argument, &Type::String, &called);
                boolean(
                    Condition::Test { test: Test::Text { test, ignore_case, subject, argument }, wanted },
                    span,
                )
            }
            Meaning::Matches => {
                let (subject, pattern) = (operand(first), operand(second));
                self.pattern(subject, pattern, &called, java, span)
            }
            Meaning::Includes => {
                let (array, item) = (operand(first), operand(second));
                test(self.membership(item, array, &called), span)
            }
            Meaning::Intersects => {
                let (left, right) = (operand(first), operand(second));
                let (left, right) = self.arrays(left, right, &called);
                test(Test::Overlap(left, right), span)
            }
            Meaning::SubsetOf | Meaning::SupersetOf => {
                let (left, right) = (operand(first), operand(second));
                let (left, right) = self.arrays(left, right, &called);
                let (part, whole) =
                    if matches!(function.meaning, Meaning::SubsetOf) { (left, right) } else { (right, left) };
                test(Test::Subset { part, whole }, span)
            }
            Meaning::Count => {
                let array = operand(first);
                let array = self.expect(array, &Type::Array(Box::new(Type::Unknown)), &called);
                Typed { term: Term::Count(Box::new(array)), kind: Type::Number, span }
            }
            Meaning::PartOf(part) => {
                let date = operand(first);
                let of = Some(Box::new(self.expect(date, &Type::DateTime, &called)));
                Typed { term: Term::Calendar { part, of }, kind: Type::Number, span }
            }
            _ => self.not_compiled(&name.text, name.span.clone()),
        }
    }

    fn segment(&mut self, id: Option<&'a Node>, span: Span) -> Typed {
        match id.map(|id| (&id.kind, &id.span)) {
            Some((NodeKind::Literal(Literal::Text(id)), _)) => {
                let next = self.audiences.len();
                let number = *self.audiences.entry(id.clone()).or_insert(next);
                self.references.push(span.clone());
                boolean(Condition::InSegment(number), span)
            }
            _ => self.fault(
                Error::wrong_type("`inSegment` takes the id of an audience as a string literal", span)
                    .help("write `inSegment(\"id\")`"),
            ),
        }
    }

    /// The last argument of a string function: whether case counts, which it does unless it is `false`.
    fn ignores_case(&mut self, argument: Option<&'a Node>, called: &str) -> bool {
        match argument.map(|argument| &argument.kind) {
            None => false,
            Some(NodeKind::Literal(Literal::Boolean(case_sensitive))) => !case_sensitive,
            Some(_) => {
                let span = argument.map_or(0..0, |argument| argument.span.clone());
                self.fault(
                    Error::wrong_type(
                        format!("{called} takes `true` or `false` as its second argument"),
                        span,
                    )
                    .help("`false` ignores case"),
                );
                false
            }
        }
    }

    fn pattern(
        &mut self,
        subject: Typed,
        pattern: Typed,
        called: &str,
        build: fn(&str) -> Result<regex::Regex, String>,
        span: Span,
    ) -> Typed {
        let subject = self.expect(subject, &Type::String, called);
        let Term::Constant(Constant(Value::String(text))) = &pattern.term else {
            if pattern.kind == Type::Unknown {
                return pattern;
            }
            return self.fault(
                Error::wrong_type(format!("{called} takes its pattern as a string literal"), pattern.span)
                    .help("patterns are built once, before any profile is read"),
            );
        };
        self.patterns += 1;
        if self.patterns > MAX_PATTERNS {
            let message = format!("expression has more than {MAX_PATTERNS} patterns");
            return self
                .fault(Error::wrong_type(message, pattern.span).help(
                    "use `contains` or `startsWith` where no pattern is needed, or split the audience",
                ));
        }
        match build(text) {
            Ok(pattern) => test(Test::Found { pattern: Pattern(pattern), subject }, span),
            Err(reason) => {
                let message = format!("pattern of {called} cannot be used: {reason}");
                self.fault(Error::wrong_type(message, pattern.span))
            }
        }
    }

    /// An operand that must be of a type.
    fn expect(&mut self, operand: Typed, kind: &Type, by: &str) -> Term {
        let is_wrong = !operand.kind.fits(kind);
        if is_wrong {
            let message = format!("{by} takes {}, found {}", article(kind), article(&operand.kind));
            self.errors.push(Error::wrong_type(message, operand.span));
        }
        operand.term
    }

    /// Two operands that must be of types whose values can be equal; a literal takes the type of what is none.
    fn comparable(&mut self, left: Typed, right: Typed, by: &str) -> (Term, Term) {
        let left_gives_way = is_literal(&left.term) && !is_literal(&right.term);
        let (left, right) = if left_gives_way {
            (converted(left, &right.kind), right)
        } else {
            let right = converted(right, &left.kind);
            (left, right)
        };
        if !left.kind.fits(&right.kind) {
            let (right_one, wrong_one) = if left_gives_way { (&right, &left) } else { (&left, &right) };
            let message = format!("{by} compares {} with {}", article(&left.kind), article(&right.kind));
            let error = Error::wrong_type(message, wrong_one.span.clone());
            self.errors.push(error.help(format!("{} on both sides is expected", article(&right_one.kind))));
        }
        (comparable_term(left), comparable_term(right))
    }

    /// Two operands that must be numbers.
    fn ordered(&mut self, left: Typed, right: Typed, by: &str) -> (Term, Term) {
        let date = [&left, &right].into_iter().find(|operand| operand.kind.is_time());
        let unordered = date.map(|date| {
            let message = format!("{by} compares numbers, found {}", article(&date.kind));
            Error::wrong_type(message, date.span.clone()).help(
                "compare a part of it, such as `getYear()`, or write `occurs before` and `occurs after`",
            )
        });
        if let Some(error) = unordered {
            self.errors.push(error);
            return (left.term, right.term);
        }
        let left = converted(left, &Type::Number);
        let right = converted(right, &Type::Number);
        (self.expect(left, &Type::Number, by), self.expect(right, &Type::Number, by))
    }

    /// An item and an array that may hold it.
    fn membership(&mut self, item: Typed, array: Typed, by: &str) -> Test {
        let array = converted(array, &Type::Array(Box::new(item.kind.clone())));
        let item = match &array.kind {
            Type::Array(kind) => converted(item, kind),
            Type::Unknown => item,
            other => {
                let message = format!("{by} searches an array, found {}", article(other));
                let error = Error::wrong_type(message, array.span.clone());
                self.errors.push(error.help("write a list, like `[\"a\", \"b\"]`"));
                return Test::Among { item: item.term, array: array.term };
            }
        };
        let sought = Type::Array(Box::new(item.kind.clone()));
        if !sought.fits(&array.kind) {
            let message = format!("{by} searches {} in {}", article(&item.kind), article(&array.kind));
            self.errors.push(Error::wrong_type(message, array.span.clone()));
        }
        Test::Among { item: comparable_term(item), array: array.term }
    }

    fn arrays(&mut self, left: Typed, right: Typed, by: &str) -> (Term, Term) {
        let any = Type::Array(Box::new(Type::Unknown));
        for operand in [&left, &right] {
            if !operand.kind.fits(&any) {
                let message = format!("{by} takes arrays, found {}", article(&operand.kind));
                self.errors.push(Error::wrong_type(message, operand.span.clone()));
                return (Term::List(Vec::new()), Term::List(Vec::new()));
            }
        }
        self.comparable(left, right, by)
    }

    fn fault(&mut self, error: Error) -> Typed {
        let span = error.span.clone();
        self.errors.push(error);
        unknown(span)
    }
}

/// What stands for a part that is at fault: it fits everything, so that one fault is one error.
fn unknown(span: Span) -> Typed {
    Typed { term: Term::List(Vec::new()), kind: Type::Unknown, span }
}

fn boolean(condition: Condition, span: Span) -> Typed {
    Typed { term: Term::Condition(Box::new(condition)), kind: Type::Boolean, span }
}

fn test(test: Test, span: Span) -> Typed {
    boolean(Condition::Test { test, wanted: true }, span)
}

fn literal_term(literal: &Literal, span: Span) -> Typed {
    let (value, kind) = match literal {
        Literal::Boolean(boolean) => (Value::Boolean(*boolean), Type::Boolean),
        Literal::Integer(number) => (Value::Integer(*number), Type::Number),
        Literal::Double(number) => (Value::Double(*number), Type::Number),
        Literal::Text(text) => (Value::String(text.clone()), Type::String),
    };
    Typed { term: Term::Constant(Constant(value)), kind, span }
}

fn is_literal(term: &Term) -> bool {
    match term {
        Term::Constant(_) | Term::Instant(_) => true,
        Term::List(items) => items.iter().all(is_literal),
        _ => false,
    }
}

/// An operand as a value of another type, where it is a literal and that is sensible; else as it was.
fn converted(operand: Typed, kind: &Type) -> Typed {
    fn convert(term: &Term, kind: &Type) -> Option<Term> {
        match (term, kind) {
            (Term::Constant(Constant(literal)), kind) => kind.convert(literal),
            (Term::List(items), Type::Array(kind)) => {
                items.iter().map(|item| convert(item, kind)).collect::<Option<_>>().map(Term::List)
            }
            _ => None,
        }
    }
    if operand.kind.fits(kind) {
        return operand;
    }
    match convert(&operand.term, kind) {
        Some(term) => Typed { term, kind: kind.clone(), ..operand },
        None => operand,
    }
}

/// Dates are compared as instants, however they are written.
fn comparable_term(operand: Typed) -> Term {
    match operand.term {
        Term::Instant(_) => operand.term,
        term if operand.kind.is_time() => Term::Time(Box::new(term)),
        term => term,
    }
}

pub(crate) fn unknown_function(name: &Word) -> Error {
    let error = Error::wrong_type(format!("no function has the name `{name}`"), name.span.clone());
    match nearest(&name.text, FUNCTIONS.iter().map(|function| function.name)) {
        Some(known) => error.help(format!("did you mean `{known}`?")),
        None => error,
    }
}

/// What to say of a value where a condition is expected.
pub(crate) fn no_condition(found: &str, span: Span) -> Error {
    Error::wrong_type(format!("a condition is expected, found {found}"), span)
        .help("compare it with a value, or ask whether it is there: `isNotNull()`")
}

/// What is wrong with the form of a call.
pub(crate) fn misshapen(
    function: &Function,
    receiver: Option<&Node>,
    name: &Word,
    arguments: &[Node],
) -> Option<Error> {
    let fault = |message: String| Some(Error::wrong_type(message, name.span.clone()));
    if function.is_method != receiver.is_some() {
        let (what, form) = if function.is_method {
            ("follows a value and a dot", format!("field.{name}(...)"))
        } else {
            ("follows no value", format!("{name}(...)"))
        };
        return fault(format!("`{name}` {what}")).map(|error| error.help(format!("write `{form}`")));
    }
    if function.arguments.contains(&arguments.len()) {
        return None;
    }
    let (least, most) = (function.arguments.start(), function.arguments.end());
    let expected = if least == most { least.to_string() } else { format!("{least} or {most}") };
    let noun = if *most == 1 { "argument" } else { "arguments" };
    fault(format!("`{name}` takes {expected} {noun}, found {}", arguments.len()))
}

/// The name that is most like a misspelt one, if one is like it at all.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Longer names are no misspellings, and comparing them would take long.
    const LONGEST: usize = 64;
    if name.len() > LONGEST {
        return None;
    }
    let most = (name.len() / 3).max(1);
    let lower = name.to_ascii_lowercase();
    known
        .into_iter()
        .filter(|known| known.len() <= LONGEST)
        .map(|known| (strsim::osa_distance(&lower, &known.to_ascii_lowercase()), known))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, known)| known)
}

fn article(kind: &Type) -> String {
    let article = if matches!(kind, Type::Object | Type::Array(_)) { "an" } else { "a" };
    format!("{article} {kind}")
}
