//! Functions.

use std::cmp::Ordering;
use std::rc::Rc;

use jiff::Timestamp;

use super::{Frame, Result, Scope, Walk, fault, misplaced_lambda, wrong};
use crate::ast::{Aggregate, Node, NodeKind, Operator, Word};
use crate::check::{misshapen, unknown_function};
use crate::condition::{calculate, day_of};
use crate::datum::Datum;
use crate::error::Span;
use crate::functions::{Function, Meaning};
use crate::text::Dialect;
use crate::walk::dynamic::{Dynamic, Entries};

/// A call whose function is known and whose form is right.
struct Call<'a, 's> {
    /// The function in backticks, as messages call it.
    called: String,
    receiver: Option<&'a Node>,
    arguments: &'a [Node],
    span: &'a Span,
    scope: &'s Scope<'s, 'a>,
}

impl<'a> Walk<'a> {
    pub(super) fn call(
        &self,
        receiver: Option<&'a Node>,
        name: &'a Word,
        arguments: &'a [Node],
        node: &'a Node,
        scope: &Scope<'_, 'a>,
    ) -> Result<Dynamic<'a>> {
        let Some(function) = Function::named(&name.text) else { return Err(unknown_function(name).into()) };
        if let Some(error) = misshapen(function, receiver, name, arguments) {
            return Err(error.into());
        }
        let call = Call { called: format!("`{name}`"), receiver, arguments, span: &node.span, scope };
        match function.meaning {
            Meaning::If
            | Meaning::MapEntry
            | Meaning::Date
            | Meaning::InSegment
            | Meaning::CurrentPart(_) => self.function(function.meaning, &call),
            _ => {
                let receiver = match receiver {
                    Some(receiver) => self.value(receiver, scope)?,
                    None => Dynamic::Null,
                };
                self.method(function.meaning, receiver, &call)
            }
        }
    }

    /// A function without a receiver.
    fn function(&self, meaning: Meaning, call: &Call<'a, '_>) -> Result<Dynamic<'a>> {
        match (meaning, call.arguments) {
            (Meaning::If, [test, yes, no]) => {
                let chosen = if self.holds(test, call.scope)? { yes } else { no };
                self.value(chosen, call.scope)
            }
            (Meaning::MapEntry, [key, value]) => {
                Ok(Dynamic::Entry(Rc::new((self.value(key, call.scope)?, self.value(value, call.scope)?))))
            }
            (Meaning::Date, [year, month, day]) => {
                let (year, month, day) =
                    (self.whole(year, call)?, self.whole(month, call)?, self.whole(day, call)?);
                let whole = |part: Option<i64>| part.map(Datum::Integer);
                let day = whole(year)
                    .zip(whole(month))
                    .zip(whole(day))
                    .and_then(|((year, month), day)| day_of(year, month, day));
                Ok(day.map_or(Dynamic::Null, Dynamic::Day))
            }
            (Meaning::InSegment, [id]) => {
                let value = self.value(id, call.scope)?;
                match value {
                    Dynamic::Null => Ok(Dynamic::Boolean(false)),
                    Dynamic::Text(text) => Ok(Dynamic::Boolean(self.is_member(text, &id.span)?)),
                    other => Err(wrong(&call.called, "the id of an audience as a string", &other, &id.span)),
                }
            }
            (Meaning::CurrentPart(part), _) => Ok(part.of(self.now).into()),
            _ => Ok(Dynamic::Null),
        }
    }

    /// A whole number; nothing, where it is null.
    fn whole(&self, node: &'a Node, call: &Call<'a, '_>) -> Result<Option<i64>> {
        let value = self.value(node, call.scope)?;
        if value.is_null() {
            return Ok(None);
        }
        let whole = value.number().and_then(Datum::whole);
        whole.map(Some).ok_or_else(|| wrong(&call.called, "whole numbers", &value, &node.span))
    }

    /// Whether the profile is a member of an audience, in whatever namespace it is noted.
    fn is_member(&self, id: &str, span: &Span) -> Result<bool> {
        if let Some(audiences) = self.audiences {
            return Ok(audiences(id));
        }
        let namespaces = self.profile.get("segmentMembership").map_or(Dynamic::Null, Dynamic::from);
        self.charge_for(&namespaces, span)?;
        for (_, audiences) in namespaces.entries().unwrap_or_default().iter() {
            let status = self.member(&self.member(audiences, id, span)?, "status", span)?;
            if matches!(status, Dynamic::Text("realized" | "existing")) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn method(&self, meaning: Meaning, of: Dynamic<'a>, call: &Call<'a, '_>) -> Result<Dynamic<'a>> {
        match meaning {
            Meaning::IsNull { wanted } => Ok(Dynamic::Boolean(of.is_null() == wanted)),
            Meaning::Text { .. } | Meaning::Matches | Meaning::RegexGroup => self.text(meaning, of, call),
            Meaning::PartOf(part) => {
                let Some(node) = call.receiver else { return Ok(Dynamic::Null) };
                let time = self.time(&of, &call.called, node)?;
                Ok(time.map_or(Dynamic::Null, |time| part.of(time).into()))
            }
            Meaning::Includes
            | Meaning::Intersects
            | Meaning::Intersection
            | Meaning::SubsetOf
            | Meaning::SupersetOf => self.members(meaning, of, call),
            Meaning::Get => {
                let key = self.argument(call, 0)?;
                self.of_map(&of, call)?;
                Ok(self.entry(&of, &key))
            }
            Meaning::Keys | Meaning::Values => {
                let Some(entries) = self.of_map(&of, call)? else { return Ok(Dynamic::Null) };
                let part = |(key, value): &(Dynamic<'a>, Dynamic<'a>)| {
                    if matches!(meaning, Meaning::Keys) { key.clone() } else { value.clone() }
                };
                Ok(Dynamic::array(entries.iter().map(part).collect()))
            }
            _ => self.array(meaning, of, call),
        }
    }

    fn argument(&self, call: &Call<'a, '_>, index: usize) -> Result<Dynamic<'a>> {
        match call.arguments.get(index) {
            Some(argument) => self.value(argument, call.scope),
            None => Ok(Dynamic::Null),
        }
    }

    fn argument_span<'c>(&self, call: &'c Call<'a, '_>, index: usize) -> &'c Span {
        call.arguments.get(index).map_or(call.span, |argument| &argument.span)
    }

    fn receiver_span<'c>(&self, call: &'c Call<'a, '_>) -> &'c Span {
        call.receiver.map_or(call.span, |receiver| &receiver.span)
    }

    /// Questions on texts: false, where one is null; a group of a pattern is null then.
    fn text(&self, meaning: Meaning, of: Dynamic<'a>, call: &Call<'a, '_>) -> Result<Dynamic<'a>> {
        let argument = self.argument(call, 0)?;
        let option = self.argument(call, 1)?;
        self.charge(of.size().saturating_add(argument.size()), call.span)?;
        let is_group = matches!(meaning, Meaning::RegexGroup);
        let subject = match of {
            Dynamic::Text(text) => Some(text),
            Dynamic::Null => None,
            other => return Err(wrong(&call.called, "a string", &other, self.receiver_span(call))),
        };
        let argument = match argument {
            Dynamic::Text(text) => Some(text),
            Dynamic::Null => None,
            other => return Err(wrong(&call.called, "a string", &other, self.argument_span(call, 0))),
        };
        let (Some(subject), Some(argument)) = (subject, argument) else {
            return Ok(if is_group { Dynamic::Null } else { Dynamic::Boolean(false) });
        };
        match meaning {
            Meaning::Text { test, wanted } => {
                let is_case_sensitive = match option {
                    Dynamic::Null => true,
                    Dynamic::Boolean(boolean) => boolean,
                    other => {
                        return Err(wrong(
                            &call.called,
                            "`true` or `false`",
                            &other,
                            self.argument_span(call, 1),
                        ));
                    }
                };
                Ok(Dynamic::Boolean(test.passes(subject, argument, !is_case_sensitive) == wanted))
            }
            _ => {
                let pattern =
                    self.pattern(Dialect::Java, argument, &call.called, self.argument_span(call, 0))?;
                if !is_group {
                    return Ok(Dynamic::Boolean(pattern.is_match(subject)));
                }
                let group = match option {
                    Dynamic::Null => 1,
                    Dynamic::Integer(group) => group,
                    other => {
                        return Err(wrong(
                            &call.called,
                            "the number of a group",
                            &other,
                            self.argument_span(call, 1),
                        ));
                    }
                };
                let found =
                    usize::try_from(group).ok().and_then(|group| pattern.captures(subject)?.get(group));
                Ok(found.map_or(Dynamic::Null, |found| Dynamic::Text(found.as_str())))
            }
        }
    }

    /// Questions on what arrays hold: false, where one is null; an intersection is null then, and where it is empty.
    fn members(&self, meaning: Meaning, of: Dynamic<'a>, call: &Call<'a, '_>) -> Result<Dynamic<'a>> {
        let argument = self.argument(call, 0)?;
        let is_intersection = matches!(meaning, Meaning::Intersection);
        self.charge(of.size().saturating_add(argument.size()), call.span)?;
        let array = |value: &Dynamic<'a>, span: &Span| match value {
            Dynamic::Null => Ok(None),
            value => value.items().map(Some).ok_or_else(|| wrong(&call.called, "an array", value, span)),
        };
        let left = array(&of, self.receiver_span(call))?;
        if matches!(meaning, Meaning::Includes) {
            let Some(items) = left else { return Ok(Dynamic::Boolean(false)) };
            return Ok(Dynamic::Boolean(self.is_among(&argument, &items, call.span)?));
        }
        let right = array(&argument, self.argument_span(call, 0))?;
        let (Some(left), Some(right)) = (left, right) else {
            return Ok(if is_intersection { Dynamic::Null } else { Dynamic::Boolean(false) });
        };
        match meaning {
            Meaning::Intersection => {
                let common = self.common(&left, &right, call.span).collect::<Result<Vec<_>>>()?;
                Ok(if common.is_empty() { Dynamic::Null } else { Dynamic::array(common) })
            }
            Meaning::Intersects => {
                let first = self.common(&left, &right, call.span).next().transpose()?;
                Ok(Dynamic::Boolean(first.is_some()))
            }
            Meaning::SubsetOf => self.is_subset(&left, &right, call.span).map(Dynamic::Boolean),
            _ => self.is_subset(&right, &left, call.span).map(Dynamic::Boolean),
        }
    }

    /// The items of an array that are items of another one too.
    fn common<'c>(
        &'c self,
        left: &'c [Dynamic<'a>],
        right: &'c [Dynamic<'a>],
        span: &'c Span,
    ) -> impl Iterator<Item = Result<Dynamic<'a>>> + 'c {
        left.iter().filter_map(move |item| match self.is_among(item, right, span) {
            Ok(is_among) => is_among.then(|| Ok(item.clone())),
            Err(error) => Some(Err(error)),
        })
    }

    fn is_subset(&self, part: &[Dynamic<'a>], whole: &[Dynamic<'a>], span: &Span) -> Result<bool> {
        for item in part.iter().filter(|item| !item.is_null()) {
            if !self.is_among(item, whole, span)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The entries of a map or an object; nothing, where it is null.
    fn of_map(&self, of: &Dynamic<'a>, call: &Call<'a, '_>) -> Result<Option<Rc<Entries<'a>>>> {
        if of.is_null() {
            return Ok(None);
        }
        let entries =
            of.entries().ok_or_else(|| wrong(&call.called, "a map", of, self.receiver_span(call)))?;
        self.charge_for(of, call.span)?;
        Ok(Some(entries))
    }

    fn entry(&self, of: &Dynamic<'a>, key: &Dynamic<'a>) -> Dynamic<'a> {
        if let (Dynamic::Members(_), Dynamic::Text(name)) = (of, key) {
            return of.member(name, &self.budget);
        }
        let entries = of.entries().unwrap_or_default();
        let found = entries.iter().find(|(own, _)| own.equals(key, &self.budget) == Some(true));
        found.map_or(Dynamic::Null, |(_, value)| value.clone())
    }

    /// What is made of the items of an array.
    fn array(&self, meaning: Meaning, of: Dynamic<'a>, call: &Call<'a, '_>) -> Result<Dynamic<'a>> {
        if of.is_null() {
            return Ok(match meaning {
                Meaning::Count | Meaning::Aggregate(Aggregate::Sum) => Dynamic::Integer(0),
                Meaning::Exists => Dynamic::Boolean(false),
                _ => Dynamic::Null,
            });
        }
        if of.count().is_none() {
            return Err(wrong(&call.called, "an array", &of, self.receiver_span(call)));
        }
        match (meaning, call.arguments) {
            (Meaning::Count, _) => Ok(integer(of.count().unwrap_or(0))),
            (Meaning::Head, _) => {
                Ok(self.items(&of, &call.called, call.span)?.into_iter().next().unwrap_or(Dynamic::Null))
            }
            (Meaning::Distinct, _) => self.distinct(&of, call),
            (Meaning::Filter, [condition]) => self.filter(of, condition, call.span, call.scope),
            (Meaning::Map, [each]) => self.map(&of, each, call),
            (Meaning::GroupBy, [key]) => self.groups(&of, key, call),
            (Meaning::Exists, []) => Ok(Dynamic::Boolean(of.count().unwrap_or(0) > 0)),
            (Meaning::Exists, [condition]) => {
                for (key, item) in self.entries_of(&of, call.span)? {
                    if self.each(condition, key, item, call.scope)?.holds() {
                        return Ok(Dynamic::Boolean(true));
                    }
                }
                Ok(Dynamic::Boolean(false))
            }
            (Meaning::Extreme { highest }, [by, most]) => self.extreme(&of, highest, by, most, call),
            (Meaning::Aggregate(aggregate), []) => {
                let values = self.items(&of, &call.called, call.span)?;
                self.aggregated(aggregate, &values, self.receiver_span(call))
            }
            (Meaning::Aggregate(aggregate), [each]) => {
                let entries = self.entries_of(&of, call.span)?.into_iter();
                let values = entries.map(|(key, item)| self.each(each, key, item, call.scope));
                self.aggregated(aggregate, &values.collect::<Result<Vec<_>>>()?, &each.span)
            }
            _ => Ok(Dynamic::Null),
        }
    }

    /// Every item, with its key where there is one.
    pub(super) fn entries_of(
        &self,
        of: &Dynamic<'a>,
        span: &Span,
    ) -> Result<Vec<(Option<Dynamic<'a>>, Dynamic<'a>)>> {
        self.charge_for(of, span)?;
        if let Some(items) = of.items() {
            return Ok(items.iter().map(|item| (None, item.clone())).collect());
        }
        let entries = of.entries().unwrap_or_default();
        Ok(entries.iter().map(|(key, value)| (Some(key.clone()), value.clone())).collect())
    }

    /// What an argument says of an item: a lambda names it, anything else reads its fields.
    pub(super) fn each(
        &self,
        argument: &'a Node,
        key: Option<Dynamic<'a>>,
        item: Dynamic<'a>,
        scope: &Scope<'_, 'a>,
    ) -> Result<Dynamic<'a>> {
        self.of_item(argument, key, item, scope, |body, scope| self.value(body, scope))
    }

    /// What is said of the body of an argument, where its names are an item's.
    pub(super) fn of_item<T>(
        &self,
        argument: &'a Node,
        key: Option<Dynamic<'a>>,
        item: Dynamic<'a>,
        scope: &Scope<'_, 'a>,
        say: impl FnOnce(&'a Node, &Scope<'_, 'a>) -> Result<T>,
    ) -> Result<T> {
        let scope = scope.within(Frame::Item(item.clone()));
        let NodeKind::Lambda { parameters, body } = &argument.kind else {
            return say(argument, &scope);
        };
        match (parameters.as_slice(), key) {
            ([own], _) => say(body, &scope.within(Frame::Variable(&own.text, item))),
            ([first, second], Some(key)) => {
                let scope = scope.within(Frame::Variable(&first.text, key));
                say(body, &scope.within(Frame::Variable(&second.text, item)))
            }
            ([_, second], None) => Err(fault(
                "a lambda of two parameters takes the groups of `groupBy`, or a map",
                second.span.clone(),
            )),
            _ => Err(misplaced_lambda(&argument.span)),
        }
    }

    pub(super) fn filter(
        &self,
        of: Dynamic<'a>,
        condition: &'a Node,
        span: &Span,
        scope: &Scope<'_, 'a>,
    ) -> Result<Dynamic<'a>> {
        if of.is_null() {
            return Ok(of);
        }
        if of.count().is_none() {
            return Err(wrong("a filter", "an array", &of, span));
        }
        let mut kept = Vec::new();
        for (key, item) in self.entries_of(&of, span)? {
            if self.each(condition, key.clone(), item.clone(), scope)?.holds() {
                kept.push((key, item));
            }
        }
        let is_array = of.items().is_some();
        Ok(if is_array {
            Dynamic::array(kept.into_iter().map(|(_, item)| item).collect())
        } else {
            let entries = kept.into_iter().filter_map(|(key, item)| Some((key?, item)));
            Dynamic::Map(Rc::new(entries.collect()))
        })
    }

    fn map(&self, of: &Dynamic<'a>, each: &'a Node, call: &Call<'a, '_>) -> Result<Dynamic<'a>> {
        let entries = self.entries_of(of, call.span)?.into_iter();
        let values = entries.map(|(key, item)| self.each(each, key, item, call.scope));
        let values: Vec<_> = values.collect::<Result<_>>()?;
        let entry = |value: &Dynamic<'a>| match value {
            Dynamic::Entry(entry) => Some((entry.0.clone(), entry.1.clone())),
            _ => None,
        };
        Ok(match values.iter().map(entry).collect::<Option<Vec<_>>>() {
            Some(entries) if !entries.is_empty() => Dynamic::Map(Rc::new(entries)),
            _ => Dynamic::array(values),
        })
    }

    fn distinct(&self, of: &Dynamic<'a>, call: &Call<'a, '_>) -> Result<Dynamic<'a>> {
        let mut seen: Vec<Dynamic<'a>> = Vec::new();
        for item in self.items(of, &call.called, call.span)? {
            self.charge(1, call.span)?;
            let is_known = if item.is_null() {
                self.charge(seen.len(), call.span)?;
                seen.iter().any(Dynamic::is_null)
            } else {
                self.is_among(&item, &seen, call.span)?
            };
            if !is_known {
                seen.push(item);
            }
        }
        Ok(Dynamic::array(seen))
    }

    /// The items by the values of an expression; those without a value are in no group.
    fn groups(&self, of: &Dynamic<'a>, key: &'a Node, call: &Call<'a, '_>) -> Result<Dynamic<'a>> {
        let mut groups: Vec<(Dynamic<'a>, Vec<Dynamic<'a>>)> = Vec::new();
        for (own, item) in self.entries_of(of, call.span)? {
            let key = self.each(key, own, item.clone(), call.scope)?;
            if key.is_null() {
                continue;
            }
            match groups.iter_mut().find(|(known, _)| known.equals(&key, &self.budget) == Some(true)) {
                Some((_, group)) => group.push(item),
                None => groups.push((key, vec![item])),
            }
        }
        let groups = groups.into_iter().map(|(key, group)| (key, Dynamic::array(group)));
        Ok(Dynamic::Map(Rc::new(groups.collect())))
    }

    /// So many items with the highest or the lowest values, the most extreme one first.
    fn extreme(
        &self,
        of: &Dynamic<'a>,
        highest: bool,
        by: &'a Node,
        most: &'a Node,
        call: &Call<'a, '_>,
    ) -> Result<Dynamic<'a>> {
        let Some(most) = self.whole(most, call)? else { return Ok(Dynamic::Null) };
        let Ok(most) = usize::try_from(most) else {
            return Err(fault(
                format!("{} takes a number of items from 0 on", call.called),
                call.span.clone(),
            ));
        };
        let (mut values, mut items) = (Vec::new(), Vec::new());
        for (key, item) in self.entries_of(of, call.span)? {
            let value = self.each(by, key, item.clone(), call.scope)?;
            if !value.is_null() {
                values.push(value);
                items.push(item);
            }
        }
        self.charge_to_order(&values, &by.span)?;
        let ranks = ranked(&values).ok_or_else(|| unordered(&call.called, &values, &by.span))?;
        let mut ranked: Vec<_> = ranks.into_iter().zip(items).collect();
        ranked.sort_by(|(left, _), (right, _)| {
            let order = left.order(right);
            if highest { order.reverse() } else { order }
        });
        Ok(Dynamic::array(ranked.into_iter().map(|(_, item)| item).take(most).collect()))
    }

    /// Counts the steps that it takes to order values: as often as their number can be halved, each is looked at.
    fn charge_to_order(&self, values: &[Dynamic<'a>], span: &Span) -> Result<()> {
        let size: usize = values.iter().map(|value| 1 + value.size()).sum();
        let rounds = usize::BITS - values.len().leading_zeros();
        self.charge(size.saturating_mul(rounds as usize), span)
    }

    /// What is made of values, without those that are null.
    pub(super) fn aggregated(
        &self,
        aggregate: Aggregate,
        values: &[Dynamic<'a>],
        span: &Span,
    ) -> Result<Dynamic<'a>> {
        let called = format!("`{}`", aggregate.name());
        let values: Vec<_> = values.iter().filter(|value| !value.is_null()).cloned().collect();
        if let Aggregate::Min | Aggregate::Max = aggregate {
            self.charge_to_order(&values, span)?;
            let ranks = ranked(&values).ok_or_else(|| unordered(&called, &values, span))?;
            let ranked = ranks.iter().zip(&values);
            let order =
                |left: &(&Rank<'a>, &Dynamic<'a>), right: &(&Rank<'a>, &Dynamic<'a>)| left.0.order(right.0);
            let found = if aggregate == Aggregate::Min { ranked.min_by(order) } else { ranked.max_by(order) };
            return Ok(found.map_or(Dynamic::Null, |(_, value)| value.clone()));
        }
        let mut sum = Some(Datum::Integer(0));
        for value in &values {
            let number = value.number().ok_or_else(|| wrong(&called, "numbers", value, span))?;
            sum = sum.and_then(|sum| calculate(Operator::Add, sum, number));
        }
        if aggregate == Aggregate::Average {
            let count = i64::try_from(values.len()).unwrap_or(i64::MAX);
            sum = sum.and_then(|sum| calculate(Operator::Divide, sum, Datum::Integer(count)));
        }
        Ok(sum.map_or(Dynamic::Null, Dynamic::from))
    }
}

/// What values are ordered by.
enum Rank<'a> {
    Number(Datum<'a>),
    Time(Timestamp),
    Text(&'a str),
}

impl Rank<'_> {
    fn order(&self, other: &Rank<'_>) -> Ordering {
        match (self, other) {
            (Rank::Number(left), Rank::Number(right)) => left.compare(*right).unwrap_or(Ordering::Equal),
            (Rank::Time(left), Rank::Time(right)) => left.cmp(right),
            (Rank::Text(left), Rank::Text(right)) => left.cmp(right),
            // INVARIANT: ranks of one array are of one kind.
            _ => Ordering::Equal,
        }
    }
}

/// The ranks of values that are all numbers, all times or all texts.
fn ranked<'a>(values: &[Dynamic<'a>]) -> Option<Vec<Rank<'a>>> {
    let numbers = || values.iter().map(|value| value.number().map(Rank::Number)).collect::<Option<Vec<_>>>();
    let times = || values.iter().map(|value| value.time().map(Rank::Time)).collect::<Option<Vec<_>>>();
    let texts = || {
        let text = |value: &Dynamic<'a>| match value {
            Dynamic::Text(text) => Some(Rank::Text(text)),
            _ => None,
        };
        values.iter().map(text).collect::<Option<Vec<_>>>()
    };
    numbers().or_else(times).or_else(texts)
}

fn unordered(called: &str, values: &[Dynamic<'_>], span: &Span) -> Box<crate::Error> {
    let ordered = |value: &&Dynamic<'_>| value.number().is_none() && value.time().is_none();
    let found = values.iter().find(ordered).map_or("values of several types", Dynamic::type_name);
    fault(format!("{called} takes numbers, or times, or strings, found {found}"), span.clone())
}

fn integer<'a>(count: usize) -> Dynamic<'a> {
    Dynamic::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}
