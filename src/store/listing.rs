//! Calls by page and by cursor: no page costs more than its own rows, however far it is from the first.

use sqlx::QueryBuilder;

use super::engine::{Engine, on};
use super::filter::narrow;
use super::row::{CALL_COLUMNS, read_call, signed};
use super::types::CallFilter;
use super::{Store, StoreError};
use crate::model::{CallCursor, CallRecord, TenantId};

/// The conditions of a page, its order and its length.
macro_rules! page {
    ($query:expr, $tenant:expr, $filter:expr, $order:expr, $after:expr, $limit:expr) => {{
        $query.push("c.tenant = ").push_bind(signed($tenant.0));
        narrow!($query, $filter);
        if let Some(CallCursor { created_at, call }) = $after {
            let beyond = if $order == Order::NewestFirst { "<" } else { ">" };
            $query.push(format!(" AND (c.created_at, c.call) {beyond} (")).push_bind(created_at.0);
            $query.push(", ").push_bind(signed(call.get())).push(")");
        }
        ordered!($query, $order, $limit);
    }};
}

/// The order of a page and its length.
macro_rules! ordered {
    ($query:expr, $order:expr, $limit:expr) => {{
        let word = if $order == Order::NewestFirst { "DESC" } else { "ASC" };
        $query.push(format!(" ORDER BY c.created_at {word}, c.call {word} LIMIT "));
        $query.push_bind(i64::from($limit));
    }};
}

/// Which way a list goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// The newest first.
    NewestFirst,
    /// The oldest first.
    OldestFirst,
}

impl Store {
    /// At most `limit` of a tenant's calls after a place in the list; `None` begins it.
    pub async fn calls_after(
        &self,
        tenant: TenantId,
        filter: &CallFilter,
        order: Order,
        after: Option<CallCursor>,
        limit: u32,
    ) -> Result<Vec<CallRecord>, StoreError> {
        self.engine.calls_after(tenant, filter, order, after, limit).await
    }
}

impl Engine {
    async fn calls_after(
        &self,
        tenant: TenantId,
        filter: &CallFilter,
        order: Order,
        after: Option<CallCursor>,
        limit: u32,
    ) -> Result<Vec<CallRecord>, StoreError> {
        on!(self, readers, |connection| {
            let mut list = QueryBuilder::new("SELECT ");
            list.push(CALL_COLUMNS).push(" FROM calls AS c WHERE ");
            match &filter.number {
                None => page!(list, tenant, filter, order, after, limit),
                Some(number) => {
                    // Each side by its own index: for an OR of both, all calls of the number would be sorted for one page.
                    let rest = CallFilter { number: None, ..filter.clone() };
                    list.push(
                        "c.call IN (SELECT call FROM (SELECT c.call FROM calls AS c WHERE c.from_number = ",
                    );
                    list.push_bind(number.clone()).push(" AND ");
                    page!(list, tenant, &rest, order, after, limit);
                    list.push(
                        ") AS f UNION SELECT call FROM (SELECT c.call FROM calls AS c WHERE c.to_number = ",
                    );
                    list.push_bind(number.clone()).push(" AND ");
                    page!(list, tenant, &rest, order, after, limit);
                    list.push(") AS t)");
                    ordered!(list, order, limit);
                }
            }
            let rows = list.build().fetch_all(&mut *connection).await?;
            rows.iter().map(read_call).collect()
        })
    }
}
