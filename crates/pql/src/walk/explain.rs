//! Why a walk comes to its answer: the parts that decide, down to comparisons and what they read.
//!
//! Of `and` and `or` those operands decide that settle it, and where none does, all; of a quantifier the tuple that it
//! finds, or every one where it finds none. Everything else could come to anything, and the answer would stay.

use serde_json::Value as Json;

use super::{Frame, Result, Scope, Walk};
use crate::ast::{Generator, Literal, Node, NodeKind, Quantifier, Step};
use crate::error::Span;
use crate::explain::{Item, Reason};
use crate::functions::{Function, Meaning};
use crate::walk::dynamic::{Dynamic, cost_of};

/// Of items that decide in one way, so many are told; of the others it is told how many they are.
const MOST_TOLD: usize = 3;

/// The reasons that are told, and how many are not.
#[derive(Default)]
struct Told {
    reasons: Vec<Reason>,
    more: usize,
}

impl Told {
    fn only(reasons: Vec<Reason>) -> Told {
        Told { reasons, more: 0 }
    }

    fn tell(&mut self, reason: impl FnOnce() -> Result<Reason>) -> Result<()> {
        if self.reasons.len() < MOST_TOLD {
            self.reasons.push(reason()?);
        } else {
            self.more += 1;
        }
        Ok(())
    }
}

impl<'a> Walk<'a> {
    /// Why a whole query answers what it does.
    pub(crate) fn explain(&self, root: &'a Node) -> Result<Reason> {
        self.of_profile(root, |body, scope| self.reason(body, scope))
    }

    fn reason(&self, node: &'a Node, scope: &Scope<'_, 'a>) -> Result<Reason> {
        match &node.kind {
            NodeKind::And(operands) => self.operands(node, operands, false, scope),
            NodeKind::Or(operands) => self.operands(node, operands, true, scope),
            NodeKind::Not(operand) => {
                let of = self.reason(operand, scope)?;
                self.because(node, Dynamic::Boolean(!of.holds), Told::only(vec![of]), scope)
            }
            NodeKind::Let { name, value, body } => {
                let value = self.value(value, scope)?;
                let body = self.reason(body, &scope.within(Frame::Variable(&name.text, value.clone())))?;
                let read = vec![(name.text.clone(), self.json(&value, &node.span)?)];
                self.charge(cost_of_copy(&body.value), &node.span)?;
                Ok(Reason {
                    value: body.value.clone(),
                    holds: body.holds,
                    read,
                    because: vec![body],
                    ..self.leaf(node, Dynamic::Null, scope)?
                })
            }
            NodeKind::Quantified { quantifier, generators } => {
                let value = self.value(node, scope)?;
                let told = self.tuples_told(*quantifier, generators, value.holds(), scope)?;
                self.because(node, value, told, scope)
            }
            NodeKind::Chain { events, time, steps } => {
                let value = self.value(node, scope)?;
                let told = self.steps_told(events, time, steps, value.holds(), scope)?;
                self.because(node, value, told, scope)
            }
            NodeKind::Filter { of, condition } => {
                let (value, of) = (self.value(node, scope)?, self.value(of, scope)?);
                let told = self.items_told(&of, condition, &node.span, scope)?;
                self.because(node, value, told, scope)
            }
            NodeKind::Call { receiver, function, arguments } => {
                let value = self.value(node, scope)?;
                let told = self.call_told(receiver.as_deref(), &function.text, arguments, node, scope)?;
                self.because(node, value, told, scope)
            }
            _ => {
                let value = self.value(node, scope)?;
                self.leaf(node, value, scope)
            }
        }
    }

    /// Operands of which one that comes to `settling` settles the answer.
    fn operands(
        &self,
        node: &'a Node,
        operands: &'a [Node],
        settling: bool,
        scope: &Scope<'_, 'a>,
    ) -> Result<Reason> {
        let mut reasons = Vec::new();
        let mut is_settled = false;
        for operand in operands {
            match self.reason(operand, scope) {
                Ok(reason) => {
                    is_settled |= reason.holds == settling;
                    reasons.push(reason);
                }
                // What stands behind the operand that settles it is not evaluated, and at fault without consequence.
                Err(_) if is_settled => {}
                Err(error) => return Err(error),
            }
        }
        if is_settled {
            reasons.retain(|reason| reason.holds == settling);
        }
        self.because(node, Dynamic::Boolean(is_settled == settling), Told::only(reasons), scope)
    }

    fn call_told(
        &self,
        receiver: Option<&'a Node>,
        function: &str,
        arguments: &'a [Node],
        node: &'a Node,
        scope: &Scope<'_, 'a>,
    ) -> Result<Told> {
        let meaning = Function::named(function).map(|function| function.meaning);
        match (meaning, receiver, arguments) {
            (Some(Meaning::If), None, [test, yes, no]) => {
                let test = self.reason(test, scope)?;
                let chosen = self.reason(if test.holds { yes } else { no }, scope)?;
                Ok(Told::only(vec![test, chosen]))
            }
            (Some(Meaning::Exists | Meaning::Filter), Some(of), [condition]) => {
                let of = self.value(of, scope)?;
                self.items_told(&of, condition, &node.span, scope)
            }
            _ => Ok(Told::default()),
        }
    }

    /// What a condition comes to for the first item that satisfies it, or for all where none does.
    fn items_told(
        &self,
        of: &Dynamic<'a>,
        condition: &'a Node,
        span: &Span,
        scope: &Scope<'_, 'a>,
    ) -> Result<Told> {
        let mut told = Told::default();
        if of.count().is_none() {
            return Ok(told);
        }
        for (index, (key, item)) in self.entries_of(of, span)?.into_iter().enumerate() {
            let holds = self.each(condition, key.clone(), item.clone(), scope)?.holds();
            let reason = || {
                let value = self.json(&item, span)?;
                let reason = self.of_item(condition, key.clone(), item.clone(), scope, |body, scope| {
                    self.reason(body, scope)
                })?;
                Ok(Reason { items: vec![Item { name: None, index, value }], ..reason })
            };
            if holds {
                return Ok(Told::only(vec![reason()?]));
            }
            told.tell(reason)?;
        }
        Ok(told)
    }

    /// The steps of a chain: all of them where it is found, else those for which nothing ever happened, if there are any.
    fn steps_told(
        &self,
        events: &'a Node,
        time: &'a Node,
        steps: &'a [Step],
        is_found: bool,
        scope: &Scope<'_, 'a>,
    ) -> Result<Told> {
        let happened = self.happened(events, time, scope)?;
        let mut reasons = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            // What is measured from another step says nothing by itself.
            let mut is_measured = false;
            for earlier in steps.iter().take(index) {
                is_measured |= self.is_measured_from(&earlier.label, std::slice::from_ref(step))?;
            }
            if is_measured {
                continue;
            }
            let mut taken = 0_u64;
            for each in &happened {
                taken += u64::from(self.takes(step, each, scope)?);
            }
            let holds = taken >= step.count;
            reasons.push(Reason {
                expression: step.to_string(),
                value: Json::Bool(holds),
                holds,
                read: vec![("events that it asks for".to_owned(), Json::from(taken))],
                ..self.leaf(&step.what, Dynamic::Null, &scope.within(Frame::Item(Dynamic::Null)))?
            });
        }
        if reasons.iter().any(|reason| !reason.holds) && !is_found {
            reasons.retain(|reason| !reason.holds);
        }
        Ok(Told::only(reasons))
    }

    /// What the conditions of a quantifier come to for the tuple that decides, or for all.
    fn tuples_told(
        &self,
        quantifier: Quantifier,
        generators: &'a [Generator],
        holds: bool,
        scope: &Scope<'_, 'a>,
    ) -> Result<Told> {
        let is_for_all = quantifier == Quantifier::ForAll;
        if holds != is_for_all {
            let found = self.deciding_tuple(generators, is_for_all, true, scope, &mut Vec::new())?;
            return Ok(Told::only(found.unwrap_or_default()));
        }
        let mut told = Told::default();
        self.all_tuples(generators, is_for_all, scope, &mut Vec::new(), &mut told)?;
        Ok(told)
    }

    /// The conditions of the first tuple that satisfies all of them; for all tuples, that of the first that does not.
    fn deciding_tuple(
        &self,
        generators: &'a [Generator],
        is_for_all: bool,
        satisfied: bool,
        scope: &Scope<'_, 'a>,
        items: &mut Vec<Item>,
    ) -> Result<Option<Vec<Reason>>> {
        let Some((generator, rest)) = generators.split_first() else {
            return Ok((satisfied != is_for_all).then(Vec::new));
        };
        let range = self.value(&generator.range, scope)?;
        for (index, item) in self.items(&range, "`from`", &generator.range.span)?.into_iter().enumerate() {
            let scope = scope.within(Frame::Variable(&generator.variable.text, item.clone()));
            let condition = generator.condition.as_deref();
            let holds = condition.map_or(Ok(true), |condition| self.holds(condition, &scope))?;
            if !holds && !is_for_all {
                continue;
            }
            items.push(self.item(generator, index, &item)?);
            let found = self.deciding_tuple(rest, is_for_all, satisfied && holds, &scope, items)?;
            let own = condition.filter(|_| holds != is_for_all && found.is_some());
            let own = own.map(|condition| self.reason(condition, &scope)).transpose()?;
            let own = own.map(|reason| self.about(items, reason)).transpose()?;
            items.pop();
            if let Some(found) = found {
                return Ok(Some(own.into_iter().chain(found).collect()));
            }
        }
        Ok(None)
    }

    /// Why no tuple satisfies the conditions, or why all do; answers whether there is any at all.
    fn all_tuples(
        &self,
        generators: &'a [Generator],
        is_for_all: bool,
        scope: &Scope<'_, 'a>,
        items: &mut Vec<Item>,
        told: &mut Told,
    ) -> Result<bool> {
        let Some((generator, rest)) = generators.split_first() else { return Ok(true) };
        let range = self.value(&generator.range, scope)?;
        let of_range = self.items(&range, "`from`", &generator.range.span)?;
        if of_range.is_empty() {
            told.tell(|| self.about(items, self.leaf(&generator.range, range, scope)?))?;
            return Ok(false);
        }
        let mut is_any = false;
        for (index, item) in of_range.into_iter().enumerate() {
            let scope = scope.within(Frame::Variable(&generator.variable.text, item.clone()));
            let condition = generator.condition.as_deref();
            let holds = condition.map_or(Ok(true), |condition| self.holds(condition, &scope))?;
            items.push(self.item(generator, index, &item)?);
            let goes_on = holds || is_for_all;
            let is_tuple = goes_on && self.all_tuples(rest, is_for_all, &scope, items, told)?;
            is_any |= is_tuple;
            if let Some(condition) = condition.filter(|_| is_tuple == is_for_all && holds == is_for_all) {
                told.tell(|| self.about(items, self.reason(condition, &scope)?))?;
            }
            items.pop();
        }
        Ok(is_any)
    }

    /// A reason that is about items.
    fn about(&self, items: &[Item], reason: Reason) -> Result<Reason> {
        for item in items {
            self.charge(cost_of_copy(&item.value), &reason.span)?;
        }
        Ok(Reason { items: items.to_vec(), ..reason })
    }

    fn item(&self, generator: &Generator, index: usize, item: &Dynamic<'a>) -> Result<Item> {
        let name = Some(generator.variable.text.clone());
        Ok(Item { name, index, value: self.json(item, &generator.range.span)? })
    }

    /// A part that others decided, if they are known.
    fn because(
        &self,
        node: &'a Node,
        value: Dynamic<'a>,
        told: Told,
        scope: &Scope<'_, 'a>,
    ) -> Result<Reason> {
        let leaf = self.leaf(node, value, scope)?;
        Ok(Reason { because: told.reasons, more: told.more, ..leaf })
    }

    /// A part by itself, with what it read where no other part tells.
    fn leaf(&self, node: &'a Node, value: Dynamic<'a>, scope: &Scope<'_, 'a>) -> Result<Reason> {
        let expression = node.to_string();
        self.charge(expression.len(), &node.span)?;
        let mut read = Vec::new();
        let is_joined = matches!(node.kind, NodeKind::And(_) | NodeKind::Or(_) | NodeKind::Not(_));
        if !is_joined {
            self.read_by(node, scope, &mut read)?;
        }
        Ok(Reason {
            expression,
            span: node.span.clone(),
            holds: value.holds(),
            value: self.json(&value, &node.span)?,
            items: Vec::new(),
            read,
            refers_to: reference(node),
            because: Vec::new(),
            more: 0,
        })
    }

    /// The values of the parts of a node, as far as its own names reach: not of conditions on items.
    fn read_by(&self, node: &'a Node, scope: &Scope<'_, 'a>, read: &mut Vec<(String, Json)>) -> Result<()> {
        for part in parts(node) {
            let is_known = |text: &str| read.iter().any(|(known, _)| known == text);
            let text = part.to_string();
            self.charge(text.len(), &part.span)?;
            if !matches!(part.kind, NodeKind::Literal(_) | NodeKind::List(_) | NodeKind::Parameter(_))
                && !is_known(&text)
                // What is at fault here is not evaluated, or the whole would have been at fault.
                && let Ok(value) = self.value(part, scope)
            {
                read.push((text, self.json(&value, &part.span)?));
            }
            if !is_path(part) {
                self.read_by(part, scope, read)?;
            }
        }
        Ok(())
    }

    fn json(&self, value: &Dynamic<'a>, span: &Span) -> Result<Json> {
        match value.to_json(&self.budget) {
            Some(json) => Ok(json),
            None => self.charge(1, span).map(|()| Json::Null),
        }
    }
}

/// What copying a value of JSON costs, in steps.
fn cost_of_copy(value: &Json) -> usize {
    1 + match value {
        Json::String(text) => cost_of(text),
        Json::Array(items) => items.iter().map(cost_of_copy).sum(),
        Json::Object(members) => members.iter().map(|(key, value)| cost_of(key) + cost_of_copy(value)).sum(),
        _ => 0,
    }
}

/// The parts of a node whose names are its own names.
fn parts(node: &Node) -> Vec<&Node> {
    match &node.kind {
        NodeKind::Call { receiver, function, arguments } => {
            let meaning = Function::named(&function.text).map(|function| function.meaning);
            let of_items = match meaning {
                Some(Meaning::InSegment) => return Vec::new(),
                Some(
                    Meaning::Filter
                    | Meaning::Map
                    | Meaning::GroupBy
                    | Meaning::Exists
                    | Meaning::Extreme { .. }
                    | Meaning::Aggregate(_),
                ) => 1,
                _ => 0,
            };
            receiver.iter().map(|receiver| &**receiver).chain(arguments.iter().skip(of_items)).collect()
        }
        NodeKind::Filter { of, .. } => vec![of],
        NodeKind::Chain { events, .. } => vec![events],
        NodeKind::Quantified { generators, .. } | NodeKind::Aggregate { generators, .. } => {
            generators.first().map(|first| &*first.range).into_iter().collect()
        }
        NodeKind::Let { value, .. } => vec![value],
        NodeKind::Lambda { .. } => Vec::new(),
        kind => kind.children().collect(),
    }
}

/// Whether a part is a field, whose whole path is what is told.
fn is_path(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Name(_) | NodeKind::Up { .. } | NodeKind::Parameter(_) => true,
        NodeKind::Member { of, .. } => is_path(of),
        _ => false,
    }
}

/// The audience that a part asks for.
fn reference(node: &Node) -> Option<String> {
    let NodeKind::Call { receiver: None, function, arguments } = &node.kind else { return None };
    match (Function::named(&function.text)?.meaning, arguments.as_slice()) {
        (Meaning::InSegment, [Node { kind: NodeKind::Literal(Literal::Text(id)), .. }]) => Some(id.clone()),
        _ => None,
    }
}
