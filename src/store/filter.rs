//! Which calls a filter means, as conditions of a statement.

/// Adds a filter's conditions to a statement over `calls AS c`. Over either engine's builder.
macro_rules! narrow {
    ($query:expr, $filter:expr) => {{
        let (query, filter): (_, &$crate::store::types::CallFilter) = (&mut $query, $filter);
        if let Some(agent) = filter.agent {
            query.push(" AND c.agent = ").push_bind($crate::store::row::signed(agent.0));
        }
        if let Some(application) = filter.application {
            query.push(" AND c.application = ").push_bind($crate::store::row::signed(application.0));
        }
        if let Some(direction) = filter.direction {
            query.push(" AND c.direction = ").push_bind(direction.as_str());
        }
        if let Some(state) = filter.state {
            query.push(" AND c.state = ").push_bind(state.as_str());
        }
        if let Some(disposition) = filter.disposition {
            query.push(" AND c.disposition = ").push_bind(disposition.as_str());
        }
        if let Some(number) = &filter.number {
            query.push(" AND (c.from_number = ").push_bind(number.clone());
            query.push(" OR c.to_number = ").push_bind(number.clone()).push(")");
        }
        if let Some(campaign) = &filter.campaign {
            query.push(" AND c.campaign = ").push_bind(campaign.clone());
        }
        if let Some(batch) = filter.batch {
            query.push(" AND c.batch = ").push_bind($crate::store::row::signed(batch.0));
        }
        if filter.recorded {
            query.push(" AND c.recording IS NOT NULL AND c.state = 'ended'");
        }
        if let Some(since) = filter.since {
            query.push(" AND c.created_at >= ").push_bind(since.0);
        }
        if let Some(until) = filter.until {
            query.push(" AND c.created_at < ").push_bind(until.0);
        }
        if let Some(detected) = filter.voicemail_detected {
            query.push(if detected {
                " AND c.disposition = "
            } else {
                " AND coalesce(c.disposition, '') <> "
            });
            query.push_bind($crate::model::Disposition::VoicemailDetected.as_str());
        }
    }};
}

pub(super) use narrow;
