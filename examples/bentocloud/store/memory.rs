//! Documents in memory, which are lost when the process ends.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::operation::{Kind, Operation, Row, Values};

#[derive(Default)]
pub(crate) struct Memory(Mutex<BTreeMap<(Kind, String), Row>>);

impl Memory {
    pub(super) fn run(&self, operation: Operation, values: Values) -> Vec<Row> {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Values {
            kind,
            name,
            document,
            content,
        } = values;
        let key = (kind, name);
        let known = rows.contains_key(&key);
        match operation {
            Operation::Content => rows.get(&key).cloned().into_iter().collect(),
            Operation::Get => rows.get(&key).map(without_content).into_iter().collect(),
            Operation::List => {
                let of_kind = rows.range(key..).take_while(|((k, _), _)| *k == kind);
                of_kind.map(|(_, row)| without_content(row)).collect()
            }
            Operation::Delete => rows.remove(&key).into_iter().collect(),
            Operation::Create if known => Vec::new(),
            Operation::Replace if !known => Vec::new(),
            Operation::Replace => {
                let content = rows.remove(&key).and_then(|(_, content)| content);
                rows.insert(key, (document.clone(), content));
                vec![(document, None)]
            }
            Operation::Create | Operation::Put => {
                rows.insert(key, (document.clone(), content));
                vec![(document, None)]
            }
        }
    }
}

fn without_content((document, _): &Row) -> Row {
    (document.clone(), None)
}
