//! What the lists of both generations share.

use steadfast::Steadfast;
use steadfast_core::StoreName;
use steadfast_core::key::Only;
use steadfast_core::platform::{ListStores, PlatformError, StoreInfo, StorePage};

/// Lists the data stores that a key covers.
///
/// A key that is limited to some is limited to a few: each of them is looked up. A page of all that
/// is then thinned could be empty for as long as nothing on it is covered.
pub(crate) async fn list_stores(
    db: Steadfast,
    covered: &Only<StoreName>,
    request: ListStores,
) -> Result<StorePage, PlatformError> {
    let Only::These(names) = covered else { return db.list_stores(request).await };
    let is_asked_for = |name: &&StoreName| {
        let is_behind = request.after.as_ref().is_none_or(|after| *name > after);
        is_behind && name.as_str().starts_with(&*request.prefix)
    };
    let mut items: Vec<StoreInfo> = Vec::new();
    for name in names.iter().filter(is_asked_for) {
        // Of all names that start with this one, it is the first.
        let prefix = name.as_str().into();
        let one = ListStores { prefix, after: None, page_size: 1, ..request.clone() };
        let mut found = db.list_stores(one).await?.items.into_iter();
        let Some(info) = found.find(|info| info.store.name == *name) else { continue };
        if items.len() >= request.page_size {
            let next = items.last().map(|last| last.store.name.clone());
            return Ok(StorePage { items, next });
        }
        items.push(info);
    }
    Ok(StorePage { items, next: None })
}
