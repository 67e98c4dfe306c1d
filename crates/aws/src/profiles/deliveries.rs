//! Delivery states: marks, intents, and how each step of a delivery ended.

use aws_sdk_dynamodb::operation::delete_item::DeleteItemOutput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use domain::delivery::{Delivery, Intent, Outcome, SHARDS, Sent, mark_of};
use domain::identity::ProfileId;
use domain::name::DataflowName;
use jiff::Timestamp;

use super::Profiles;
use crate::condition::unless_refused;
use crate::item::{Item, Kind, attribute, decode, key, text};
use crate::{Error, keys};

/// A marked delivery state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The profile.
    pub profile: ProfileId,
}

/// How a step of a delivery is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement<'a> {
    /// The attempt whose intent it ends; none where no call was made.
    pub attempt: Option<&'a str>,
    /// What stands at the destination from now on.
    pub sent: Option<&'a Sent>,
    /// How the step ended.
    pub outcome: &'a Outcome,
    /// Failures in a row so far.
    pub failures: u32,
    /// Whether nothing more is to be done. The mark is cleaned only if its generation is still the one that was read.
    pub done: bool,
    /// The generation that was read.
    pub generation: u64,
    /// When to look again, where something is left to be done.
    pub due: Timestamp,
    /// Whether the intent stays, for a person to see.
    pub keep_intent: bool,
}

/// That an attribute is as it was read.
fn same(name: &str, value: &str, is_there: bool) -> String {
    if is_there { format!("{name} = {value}") } else { format!("attribute_not_exists({name})") }
}

/// What was read of what stands, as conditions name it.
fn values_of(read: &Delivery) -> Result<Vec<(&'static str, AttributeValue)>, Error> {
    let mut values = Vec::new();
    if let Some(sent) = &read.sent {
        values.push((":sent", attribute(sent)?));
    }
    if !read.also.is_empty() {
        values.push((":also", attribute(&read.also)?));
    }
    Ok(values)
}

impl Profiles {
    /// Marks a delivery state: the dataflow's worker is to look at it. The state is made where there was none.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn mark(
        &self,
        profile: &ProfileId,
        dataflow: &DataflowName,
        now: Timestamp,
    ) -> Result<(), Error> {
        let shard = profile.as_str().bytes().fold(0_u8, u8::wrapping_add) % SHARDS;
        let output = self
            .update(profile, dataflow)
            .update_expression(
                "ADD #gen :one SET #dirty = :mark, #due = :now, #v = if_not_exists(#v, :format)",
            )
            .expression_attribute_names("#gen", "gen")
            .expression_attribute_names("#dirty", "dirty")
            .expression_attribute_names("#due", "due")
            .expression_attribute_names("#v", "v")
            .expression_attribute_values(":one", AttributeValue::N("1".into()))
            .expression_attribute_values(":mark", AttributeValue::S(mark_of(dataflow, shard)))
            .expression_attribute_values(":now", AttributeValue::N(now.as_millisecond().to_string()))
            .expression_attribute_values(":format", Kind::of(keys::DELIVERY).attribute())
            .send()
            .await
            .map_err(|error| Error::of("mark a delivery", error))?;
        self.meter.write(output.consumed_capacity());
        Ok(())
    }

    /// Profiles of which a dataflow has marks that are due, oldest first, up to a limit.
    ///
    /// # Errors
    /// Where the index cannot be read.
    pub async fn marked(
        &self,
        dataflow: &DataflowName,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Mark>, Error> {
        let mut marks = Vec::new();
        for shard in 0..SHARDS {
            let mut start: Option<Item> = None;
            loop {
                let left = limit.saturating_sub(u32::try_from(marks.len()).unwrap_or(u32::MAX));
                if left == 0 {
                    return Ok(marks);
                }
                let output = self
                    .client
                    .query()
                    .table_name(&self.table)
                    .index_name("dirty")
                    .key_condition_expression("#dirty = :mark AND #due <= :now")
                    .expression_attribute_names("#dirty", "dirty")
                    .expression_attribute_names("#due", "due")
                    .expression_attribute_values(":mark", AttributeValue::S(mark_of(dataflow, shard)))
                    .expression_attribute_values(":now", AttributeValue::N(now.as_millisecond().to_string()))
                    .limit(i32::try_from(left).unwrap_or(i32::MAX))
                    .set_exclusive_start_key(start)
                    .send()
                    .await
                    .map_err(|error| Error::of("read the marks of a dataflow", error))?;
                for item in output.items.unwrap_or_default() {
                    let profile = text(&item, "pk").unwrap_or_default().parse();
                    let profile = profile.map_err(|error| Error::of("read a mark", error))?;
                    marks.push(Mark { profile });
                }
                start = output.last_evaluated_key;
                if start.is_none() {
                    break;
                }
            }
        }
        Ok(marks)
    }

    /// Writes the intent of a call, on condition that no other attempt's intent has come since the one that was read.
    /// Says whether it was written.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn intend(
        &self,
        profile: &ProfileId,
        dataflow: &DataflowName,
        read: Option<&Intent>,
        intent: &Intent,
    ) -> Result<bool, Error> {
        let mut update = self
            .update(profile, dataflow)
            .update_expression("SET #intent = :intent")
            .expression_attribute_names("#intent", "intent")
            .expression_attribute_values(":intent", attribute(intent)?);
        update = match read {
            None => update.condition_expression("attribute_exists(pk) AND attribute_not_exists(#intent)"),
            Some(read) => update
                .condition_expression("#intent.#attempt = :read")
                .expression_attribute_names("#attempt", "attempt")
                .expression_attribute_values(":read", AttributeValue::S(read.attempt.clone())),
        };
        self.update_if(update).await
    }

    /// Writes how a step ended, on condition that its intent is still the one that stands. The mark is cleaned if
    /// nothing is left to do and nobody has marked it again. Says whether it was written.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn settle(
        &self,
        profile: &ProfileId,
        dataflow: &DataflowName,
        settlement: &Settlement<'_>,
    ) -> Result<bool, Error> {
        if settlement.done && self.update_if(self.settlement(profile, dataflow, settlement, true)?).await? {
            return Ok(true);
        }
        self.update_if(self.settlement(profile, dataflow, settlement, false)?).await
    }

    fn settlement(
        &self,
        profile: &ProfileId,
        dataflow: &DataflowName,
        settlement: &Settlement<'_>,
        clean: bool,
    ) -> Result<UpdateItemFluentBuilder, Error> {
        let mut set = vec!["#outcome = :outcome", "#failures = :failures"];
        let mut remove = Vec::new();
        let mut conditions = vec!["attribute_exists(pk)"];
        let mut update = self
            .update(profile, dataflow)
            .expression_attribute_names("#outcome", "outcome")
            .expression_attribute_names("#failures", "failures")
            .expression_attribute_names("#sent", "sent")
            .expression_attribute_names("#intent", "intent")
            .expression_attribute_values(":outcome", attribute(settlement.outcome)?)
            .expression_attribute_values(":failures", AttributeValue::N(settlement.failures.to_string()));
        match settlement.sent {
            Some(sent) => {
                set.push("#sent = :sent");
                update = update.expression_attribute_values(":sent", attribute(sent)?);
            }
            None => remove.push("#sent"),
        }
        match settlement.attempt {
            Some(attempt) => {
                conditions.push("#intent.#attempt = :attempt");
                update = update
                    .expression_attribute_names("#attempt", "attempt")
                    .expression_attribute_values(":attempt", AttributeValue::S(attempt.to_owned()));
                if !settlement.keep_intent {
                    remove.push("#intent");
                }
            }
            None => conditions.push("attribute_not_exists(#intent)"),
        }
        if clean {
            conditions.push("#gen = :gen");
            remove.extend(["#dirty", "#due"]);
            update = update
                .expression_attribute_names("#gen", "gen")
                .expression_attribute_names("#dirty", "dirty")
                .expression_attribute_names("#due", "due")
                .expression_attribute_values(":gen", AttributeValue::N(settlement.generation.to_string()));
        } else {
            set.push("#due = :due");
            update = update.expression_attribute_names("#due", "due").expression_attribute_values(
                ":due",
                AttributeValue::N(settlement.due.as_millisecond().to_string()),
            );
        }
        let removed =
            if remove.is_empty() { String::new() } else { format!(" REMOVE {}", remove.join(", ")) };
        Ok(update
            .update_expression(format!("SET {}{removed}", set.join(", ")))
            .condition_expression(conditions.join(" AND ")))
    }

    /// Cleans the mark of a delivery state that needs nothing, unless it was marked again.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn clean(
        &self,
        profile: &ProfileId,
        dataflow: &DataflowName,
        generation: u64,
    ) -> Result<bool, Error> {
        let update = self
            .update(profile, dataflow)
            .update_expression("REMOVE #dirty, #due")
            .condition_expression("#gen = :gen")
            .expression_attribute_names("#gen", "gen")
            .expression_attribute_names("#dirty", "dirty")
            .expression_attribute_names("#due", "due")
            .expression_attribute_values(":gen", AttributeValue::N(generation.to_string()));
        self.update_if(update).await
    }

    /// Every delivery state of a dataflow that has a call of unknown fate. No index holds them, as there are few or
    /// none: the whole table is read.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn unknown(&self, dataflow: &DataflowName) -> Result<Vec<(ProfileId, Delivery)>, Error> {
        let items = self
            .client
            .scan()
            .table_name(&self.table)
            .filter_expression("sk = :sk AND #outcome.#result = :unknown")
            .expression_attribute_names("#outcome", "outcome")
            .expression_attribute_names("#result", "result")
            .expression_attribute_values(":sk", AttributeValue::S(keys::delivery(dataflow)))
            .expression_attribute_values(":unknown", AttributeValue::S("unknown".into()))
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(|error| Error::of("look for calls of unknown fate", error))?;
        items
            .into_iter()
            .map(|item| {
                let profile = text(&item, "pk").unwrap_or_default().parse();
                let profile = profile.map_err(|error| Error::of("read a delivery's key", error))?;
                Ok((profile, decode(item)?))
            })
            .collect()
    }

    /// Puts off a marked delivery state.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn put_off(
        &self,
        profile: &ProfileId,
        dataflow: &DataflowName,
        due: Timestamp,
    ) -> Result<bool, Error> {
        let update = self
            .update(profile, dataflow)
            .update_expression("SET #due = :due")
            .condition_expression("attribute_exists(#dirty)")
            .expression_attribute_names("#due", "due")
            .expression_attribute_names("#dirty", "dirty")
            .expression_attribute_values(":due", AttributeValue::N(due.as_millisecond().to_string()));
        self.update_if(update).await
    }

    /// Writes down anew what stands at a destination, or may, in the order in which it is dealt with, on condition that
    /// nobody has changed it since it was read. An intent that was read is part of it from now on, and goes. Says whether
    /// it was written.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn turn(
        &self,
        profile: &ProfileId,
        dataflow: &DataflowName,
        read: &Delivery,
        stands: &[Sent],
    ) -> Result<bool, Error> {
        let (first, rest) = (stands.first(), stands.get(1..).unwrap_or_default());
        let mut set = Vec::new();
        let mut remove = Vec::new();
        let mut update = self.update(profile, dataflow);
        match first {
            Some(sent) => {
                set.push("#sent = :first");
                update = update.expression_attribute_values(":first", attribute(sent)?);
            }
            None => remove.push("#sent"),
        }
        if rest.is_empty() {
            remove.push("#also");
        } else {
            set.push("#also = :rest");
            update = update.expression_attribute_values(":rest", attribute(&rest)?);
        }
        let mut conditions = vec![same("#sent", ":sent", read.sent.is_some())];
        conditions.push(same("#also", ":also", !read.also.is_empty()));
        match &read.intent {
            Some(intent) => {
                conditions.push("#intent.#attempt = :attempt".to_owned());
                remove.push("#intent");
                update = update
                    .expression_attribute_names("#attempt", "attempt")
                    .expression_attribute_values(":attempt", AttributeValue::S(intent.attempt.clone()));
            }
            None => conditions.push("attribute_not_exists(#intent)".to_owned()),
        }
        let set = if set.is_empty() { String::new() } else { format!("SET {}", set.join(", ")) };
        let remove = if remove.is_empty() { String::new() } else { format!(" REMOVE {}", remove.join(", ")) };
        update =
            update.update_expression(format!("{set}{remove}")).condition_expression(conditions.join(" AND "));
        for name in ["sent", "also", "intent"] {
            update = update.expression_attribute_names(format!("#{name}"), name);
        }
        for (name, value) in values_of(read)? {
            update = update.expression_attribute_values(name, value);
        }
        self.update_if(update).await
    }

    /// Adds to what may stand at a destination of a profile what was sent for another that has become part of it, and
    /// marks it. Added twice, it counts once.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn take_over(
        &self,
        profile: &ProfileId,
        dataflow: &DataflowName,
        stands: &[Sent],
        now: Timestamp,
    ) -> Result<(), Error> {
        let update = self
            .update(profile, dataflow)
            .update_expression("SET #also = list_append(if_not_exists(#also, :none), :stands)")
            .expression_attribute_names("#also", "also")
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":stands", attribute(&stands)?);
        let output = update.send().await.map_err(|error| Error::of("take a delivery over", error))?;
        self.meter.write(output.consumed_capacity());
        self.mark(profile, dataflow, now).await
    }

    /// Deletes a delivery state whose content was taken over, on condition that it is still as it was read, without an
    /// intent. Says whether it was deleted.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn give_over(
        &self,
        profile: &ProfileId,
        dataflow: &DataflowName,
        read: &Delivery,
    ) -> Result<bool, Error> {
        let conditions = [
            "attribute_not_exists(#intent)".to_owned(),
            same("#sent", ":sent", read.sent.is_some()),
            same("#also", ":also", !read.also.is_empty()),
        ];
        let mut delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(profile.as_str(), keys::delivery(dataflow))))
            .condition_expression(conditions.join(" AND "))
            .expression_attribute_names("#intent", "intent")
            .expression_attribute_names("#sent", "sent")
            .expression_attribute_names("#also", "also")
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        for (name, value) in values_of(read)? {
            delete = delete.expression_attribute_values(name, value);
        }
        let deleted = unless_refused("give a delivery over", delete.send().await)?;
        self.meter.write(deleted.as_ref().and_then(DeleteItemOutput::consumed_capacity));
        Ok(deleted.is_some())
    }

    /// Deletes a delivery state, unless something stands at the destination, or may. Says whether it is gone.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub(crate) async fn delete_delivery(
        &self,
        profile: &ProfileId,
        dataflow: &DataflowName,
    ) -> Result<bool, Error> {
        let nothing = ["#sent", "#also", "#intent"].map(|name| format!("attribute_not_exists({name})"));
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(profile.as_str(), keys::delivery(dataflow))))
            .condition_expression(nothing.join(" AND "))
            .expression_attribute_names("#sent", "sent")
            .expression_attribute_names("#also", "also")
            .expression_attribute_names("#intent", "intent")
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let deleted = unless_refused("delete a delivery", delete.send().await)?;
        self.meter.write(deleted.as_ref().and_then(DeleteItemOutput::consumed_capacity));
        Ok(deleted.is_some())
    }

    fn update(&self, profile: &ProfileId, dataflow: &DataflowName) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(profile.as_str(), keys::delivery(dataflow))))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }

    /// Makes a conditional update. Says whether its condition held.
    async fn update_if(&self, update: UpdateItemFluentBuilder) -> Result<bool, Error> {
        let written = unless_refused("write a delivery", update.send().await)?;
        self.meter.write(written.as_ref().and_then(UpdateItemOutput::consumed_capacity));
        Ok(written.is_some())
    }
}
