//! Reset of trials, v3 (reference, section 3).

use crate::{
    answer::Answer,
    call::{Call, Parameters},
    record,
    state::Mock,
    trial::TrialHolder,
};

/// `DELETE /reset-tempass/v3/reset`
pub(crate) fn specific(mock: &mut Mock, call: &Call) -> Result<Answer, Answer> {
    reset(mock, call, "device_id", |holder| match holder {
        TrialHolder::Device(device) => Some(device),
        TrialHolder::Identity(_) => None,
    })
}

/// `DELETE /reset-tempass/v3/reset/generic`
pub(crate) fn generic(mock: &mut Mock, call: &Call) -> Result<Answer, Answer> {
    reset(mock, call, "key", |holder| match holder {
        TrialHolder::Identity(identity) => Some(identity),
        TrialHolder::Device(_) => None,
    })
}

/// Resets trials of holders of one kind: the holder in the parameter, or all.
fn reset(
    mock: &mut Mock,
    call: &Call,
    parameter: &str,
    name: impl Fn(&TrialHolder) -> Option<&String>,
) -> Result<Answer, Answer> {
    let parameters = call.parameters();
    let requestor = required(call, &parameters, "requestor_id")?;
    let mvpd = required(call, &parameters, "mvpd_id")?;
    let only = parameters.get(parameter).filter(|value| *value != "all");
    mock.trials.reset(requestor, mvpd, |holder| {
        name(holder).is_some_and(|name| only.is_none_or(|only| only == name))
    });
    Ok(Answer::nothing())
}

fn required<'a>(call: &Call, parameters: &'a Parameters, name: &str) -> Result<&'a str, Answer> {
    parameters.get(name).ok_or_else(|| record::missing(call, name))
}
