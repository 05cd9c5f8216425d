//! The operations on trials: they look up trials, decide by the domain's rules, and produce writes. The committer uses them, and so
//! do readers, which often find that nothing needs to be written.
//!
//! A device and a generic key are each bound to the id of a trial. A binding whose trial is missing is void, so a reset deletes one
//! record, however many bindings refer to it.

use fjall::{UserKey, UserValue};
use uuid::Uuid;

use super::{
    operation::BatchCommand,
    record,
    transaction::Transaction,
    trial_expiry,
    trial_key::{self, Generation},
};
use crate::{
    domain::{
        clock::Timestamp,
        error::StoreError,
        port::{Authorization, HeldTrial, Restoration, StoreResult, TrialHolding, TrialVerdict},
        temp_pass::{
            self, Binding, Holder, KnownTrial, KnownTrials, ResetTarget, TempPassKey, TempPassRule, Trial,
            TrialApplication, TrialChange, TrialIdentity, TrialView, decide_reset,
        },
    },
    format,
};

/// Keys and values to write.
type TrialWrites = Vec<(UserKey, UserValue)>;

/// A source of records of the trials keyspace.
pub(super) trait TrialReader {
    /// The value of a key, if present.
    fn read(&self, key: &UserKey) -> StoreResult<Option<UserValue>>;
}

impl TrialReader for Transaction<'_> {
    fn read(&self, key: &UserKey) -> StoreResult<Option<UserValue>> {
        self.find_trial(key)
    }
}

/// The current generation of a TempPass.
pub(super) fn generation(reader: &impl TrialReader, temp_pass: &TempPassKey) -> StoreResult<Generation> {
    let number = reader.read(&trial_key::generation_key(temp_pass))?;
    let number = number.map_or(Ok(0), |value| record::decode_number(&value))?;
    Ok(Generation { temp_pass: temp_pass.clone(), number })
}

/// The trial that a device or a generic key is bound to, if it exists.
fn follow(
    reader: &impl TrialReader,
    generation: &Generation,
    binding: &UserKey,
) -> StoreResult<Option<KnownTrial>> {
    let Some(id) = reader.read(binding)? else { return Ok(None) };
    let id = record::decode_trial_id(&id)?;
    let Some(trial) = reader.read(&generation.trial(id))? else { return Ok(None) };
    let trial = whole_trial(reader, generation, id, &trial)?;
    Ok(Some(KnownTrial { id, trial }))
}

/// Decodes the trial whose record is `value`, including the resources in its rows.
pub(super) fn whole_trial(
    reader: &impl TrialReader,
    generation: &Generation,
    id: Uuid,
    value: &[u8],
) -> StoreResult<Trial> {
    format::decode_trial(value, |number| {
        let row = reader.read(&generation.resources(id, number))?;
        let row =
            row.ok_or_else(|| StoreError::Corrupt("trial: a row of resources is missing".to_owned()))?;
        Ok(format::decode_row(&row)?)
    })
}

/// The trials of an identity.
fn known(
    reader: &impl TrialReader,
    generation: &Generation,
    identity: &TrialIdentity,
    now: Timestamp,
) -> StoreResult<KnownTrials> {
    let device = follow(reader, generation, &generation.binding(&Holder::device(&identity.device_id)))?;
    let key = match &identity.generic_key {
        Some(key) => follow(reader, generation, &generation.binding(&Holder::key(key)))?,
        None => None,
    };
    Ok(KnownTrials::new(device, key, now))
}

/// The view of an identity's trials.
pub(super) fn view(
    reader: &impl TrialReader,
    temp_pass: &TempPassKey,
    rule: &TempPassRule,
    identity: &TrialIdentity,
    now: Timestamp,
) -> StoreResult<TrialView> {
    let known = known(reader, &generation(reader, temp_pass)?, identity, now)?;
    Ok(temp_pass::view(known, rule, now))
}

/// Decides an authorization. Returns the verdict and the writes that it requires.
pub(super) fn authorize(
    reader: &impl TrialReader,
    authorization: &Authorization,
    now: Timestamp,
) -> StoreResult<(TrialVerdict, TrialWrites)> {
    let Authorization { temp_pass, identity, .. } = authorization;
    let generation = generation(reader, temp_pass)?;
    let known = known(reader, &generation, identity, now)?;
    let (verdict, changes) = temp_pass::decide(known, authorization, now);
    let mut writes = TrialWrites::new();
    for change in &changes {
        writes.append(&mut change_writes(&generation, identity, change)?);
    }
    Ok((verdict, writes))
}

/// The writes for a change.
fn change_writes(
    generation: &Generation,
    identity: &TrialIdentity,
    change: &TrialChange,
) -> StoreResult<TrialWrites> {
    let bound = |side: UserKey, to: &Binding| {
        vec![expiry_row(to.forget_time, &side), (side, record::encode_trial_id(to.id))]
    };
    Ok(match change {
        TrialChange::Start(known) => {
            let mut writes = trial_writes(generation, known)?;
            writes.push(expiry_row(known.trial.forget_time, &generation.trial(known.id)));
            writes
        }
        TrialChange::Use(known) => trial_writes(generation, known)?,
        TrialChange::BindDevice(to) => bound(generation.binding(&Holder::device(&identity.device_id)), to),
        TrialChange::BindKey(to) => match &identity.generic_key {
            Some(key) => bound(generation.binding(&Holder::key(key)), to),
            None => TrialWrites::new(),
        },
    })
}

/// The writes for a trial's record, and for the row of resources that its last resource has filled, if any.
fn trial_writes(generation: &Generation, known: &KnownTrial) -> StoreResult<TrialWrites> {
    let KnownTrial { id, trial } = known;
    let mut writes = vec![(generation.trial(*id), UserValue::new(&format::encode_trial(trial)?))];
    if let Some((number, row)) = format::encode_filled_row(trial)? {
        writes.push((generation.resources(*id, number), UserValue::new(&row)));
    }
    Ok(writes)
}

/// The trial of a device or a generic key, if it exists.
pub(super) fn held(
    reader: &impl TrialReader,
    generation: &Generation,
    holder: &Holder,
) -> StoreResult<Option<HeldTrial>> {
    let known = follow(reader, generation, &generation.binding(holder))?;
    Ok(known.map(|KnownTrial { id, trial }| HeldTrial::new(holder, id, trial)))
}

/// Restores the binding of a device or a generic key from another store, and the trial itself if the holder started it.
pub(super) struct RestoreHolding(pub TrialHolding);

impl BatchCommand for RestoreHolding {
    type Outcome = Restoration;

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<Restoration> {
        let TrialHolding { temp_pass, holder, held: wanted } = &self.0;
        let (now, forget_time) = (transaction.now, wanted.forget_time());
        if forget_time <= now {
            return Ok(Restoration::Ended);
        }
        let generation = generation(transaction, temp_pass)?;
        let present = held(transaction, &generation, holder)?;
        if let Some(present) = present.filter(|present| now < present.forget_time()) {
            return Ok(if present == *wanted { Restoration::Present } else { Restoration::Differs });
        }
        let binding = generation.binding(holder);
        let id = match wanted {
            HeldTrial::Own { id, .. } | HeldTrial::Bound { id, .. } => *id,
        };
        let mut writes = vec![expiry_row(forget_time, &binding), (binding, record::encode_trial_id(id))];
        if let HeldTrial::Own { trial, .. } = wanted {
            let key = generation.trial(id);
            writes.push(expiry_row(forget_time, &key));
            writes.push((key, UserValue::new(&format::encode_trial(trial)?)));
            for (number, row) in format::encode_rows(trial)? {
                writes.push((generation.resources(id, number), UserValue::new(&row)));
            }
        }
        for (key, value) in writes {
            transaction.put_trial(&key, Some(value));
        }
        Ok(Restoration::Restored)
    }
}

/// The row of the expiry index for a key.
fn expiry_row(forget_time: Timestamp, key: &UserKey) -> (UserKey, UserValue) {
    (trial_key::expiry_key(forget_time, key), UserValue::empty())
}

pub(super) struct AuthorizeTrial(pub Authorization);

impl BatchCommand for AuthorizeTrial {
    type Outcome = TrialVerdict;

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<TrialVerdict> {
        let (verdict, writes) = authorize(transaction, &self.0, transaction.now)?;
        for (key, value) in writes {
            transaction.put_trial(&key, Some(value));
        }
        Ok(verdict)
    }
}

pub(super) struct ResetTrials {
    pub temp_pass: TempPassKey,
    /// The holder whose trial to reset, or all.
    pub target: ResetTarget,
    /// Restricts the reset to trials of this application.
    pub application: TrialApplication,
}

impl BatchCommand for ResetTrials {
    type Outcome = Option<u64>;

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<Option<u64>> {
        let generation = generation(transaction, &self.temp_pass)?;
        let binding = match &self.target {
            ResetTarget::Device(device_id) => generation.binding(&Holder::device(device_id)),
            ResetTarget::Key(generic_key) => generation.binding(&Holder::key(generic_key)),
            ResetTarget::All => {
                let next = record::encode_number(generation.number.wrapping_add(1));
                transaction.put_trial(&trial_key::generation_key(&self.temp_pass), Some(next));
                transaction.put_trial(&generation.ended(), Some(UserValue::empty()));
                return Ok(None);
            }
        };
        let bound = follow(transaction, &generation, &binding)?;
        let Some(KnownTrial { id, .. }) = decide_reset(bound, &self.application, transaction.now) else {
            return Ok(Some(0));
        };
        for key in [
            trial_expiry::removal(transaction, &binding)?,
            trial_expiry::removal(transaction, &generation.trial(id))?,
        ]
        .concat()
        {
            transaction.put_trial(&key, None);
        }
        Ok(Some(1))
    }
}
