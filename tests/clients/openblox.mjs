// openblox 1.0.62, unmodified, against a Steadfast server.
//
// The client always asks for https://apis.roblox.com. The `http.adapter` of its configuration sends
// those requests to STEADFAST_URL instead; it does what the client's own adapter does otherwise.
// Covers what the client does with standard and ordered data stores: all of its recorded requests
// but those of memory stores and messages.
//
// One line per check; the first difference ends the run with exit code 1.

import { isDeepStrictEqual } from "node:util";

import {
  OrderedDataStoresApi_V1 as o1,
  OrderedDataStoresApi_V2 as o2,
  StandardDataStoresApi_V1 as v1,
  StandardDataStoresApi_V2 as v2,
} from "openblox/cloud";
import { createOpenbloxConfig, setDefaultOpenbloxConfig } from "openblox/config";
import { HttpError, HttpResponse } from "openblox/http";

const LIVE = "https://apis.roblox.com/";
// Everything else makes some client abort, or retry for ever.
const ALLOWED_STATUSES = new Set([200, 204, 400, 401, 403, 404, 409, 412, 429, 500, 502, 504]);

const server = process.env.STEADFAST_URL.replace(/\/+$/, "");
// A universe of its own, so that the script runs any number of times on one server.
const universeId = Date.now();
const statuses = new Set();

async function toOurServer({ url, method, headers, body, formData }) {
  if (!url.startsWith(LIVE)) throw new Error(`a request to another host: ${url}`);
  const ours = `${server}/${url.slice(LIVE.length)}`;
  const response = await fetch(ours, { method, headers, body: formData || body });
  statuses.add(response.status);
  const isJson = response.headers.get("content-type")?.startsWith("application/json");
  return new HttpResponse({
    // The address decides how the client reads errors.
    url,
    method,
    success: response.ok,
    statusCode: response.status,
    headers: response.headers,
    body: isJson ? await response.json() : await response.text(),
    fullResponse: response,
  });
}

function use(cloudKey) {
  setDefaultOpenbloxConfig(createOpenbloxConfig({ cloudKey, http: { adapter: toOurServer } }));
}

function check(what, condition, detail) {
  if (!condition) {
    console.log(`DIFFERENT  ${what}: ${JSON.stringify(detail)}`);
    process.exit(1);
  }
  console.log(`ok  ${what}`);
}

function checkEqual(what, actual, expected) {
  check(what, isDeepStrictEqual(actual, expected), { actual, expected });
}

function checkTime(what, actual) {
  const close = actual instanceof Date && Math.abs(actual.getTime() - Date.now()) < 3_600_000;
  check(what, close, { actual });
}

/** Expects the client's own error with this HTTP status, and returns its response. */
async function checkRefused(what, status, call) {
  try {
    const { data } = await call();
    check(what, false, data);
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    const { statusCode, body } = error.response;
    check(what, statusCode === status, { statusCode, body });
    return { ...error.response, errors: error.errors };
  }
}

function v1Code(response) {
  return response.body.errorDetails[0].datastoreErrorCode;
}

/** Recorded shapes 1 and 5. */
async function v1SetAndGet() {
  const place = { universeId, datastoreName: "DSv1", entryKey: "k" };
  const noStore = await checkRefused("v1 get from a store that does not exist", 404, () =>
    v1.standardDatastoreEntry(place),
  );
  checkEqual("v1 says which is missing: the store", v1Code(noStore), "DatastoreNotFound");

  const set = await v1.setStandardDatastoreEntry({
    ...place,
    entryValue: { a: 1 },
    entryAttributes: { x: 1 },
    entryUserIds: [1, 2],
  });
  check("v1 set answers with a version", Boolean(set.data.version), set.data);
  checkEqual("v1 set answers that the entry is not deleted", set.data.deleted, false);
  checkEqual("v1 set answers with the length", set.data.contentLength, 7);
  checkTime("v1 set answers with the version's time", set.data.createdTime);
  checkEqual("v1: a new entry is as old as its version", set.data.objectCreatedTime,
    set.data.createdTime);

  const { data } = await v1.standardDatastoreEntry(place);
  checkEqual("v1 get returns the value", data.entry, { a: 1 });
  checkEqual("v1 get returns its checksum", data.checksumsMatch, true);
  checkEqual("v1 get returns the version", data.metadata.entryVersion, set.data.version);
  checkEqual("v1 get returns the attributes", data.metadata.entryAttributes, { x: 1 });
  checkEqual("v1 get returns the users", data.metadata.entryUserIds, [1, 2]);
  checkEqual("v1 get returns the entry's time", data.metadata.entryCreatedTime,
    set.data.objectCreatedTime);
  checkEqual("v1 get returns the version's time", data.metadata.entryVersionCreatedTime,
    set.data.createdTime);

  const missing = await checkRefused("v1 get of an entry that does not exist", 404, () =>
    v1.standardDatastoreEntry({ ...place, entryKey: "none" }),
  );
  checkEqual("v1 says which is missing: the entry", v1Code(missing), "EntryNotFound");
  check("v1 errors are ones that the client can read", missing.errors?.length > 0, missing.errors);
  return set.data;
}

/** Recorded shape 2: the client sends strings as they are, without quotes. */
async function v1Strings() {
  const place = { universeId, datastoreName: "DSv1", entryKey: "s" };
  const refused = await checkRefused("v1 set of text that is not JSON is refused", 400, () =>
    v1.setStandardDatastoreEntry({ ...place, entryValue: "hello" }),
  );
  checkEqual("v1 says that it is not JSON", v1Code(refused), "ContentNotJson");
  await checkRefused("v1 has stored nothing of it", 404, () => v1.standardDatastoreEntry(place));
  await v1.setStandardDatastoreEntry({ ...place, entryValue: '"hello"' });
  const { data } = await v1.standardDatastoreEntry(place);
  checkEqual("v1 set of a quoted string", data.entry, "hello");
  checkEqual("v1 checksum of a quoted string", data.checksumsMatch, true);
}

function checkCurrent(what, response, expected, version) {
  checkEqual(`${what} brings the current value`, response.body, expected);
  const headers = (name) => response.headers.get(name);
  checkEqual(`${what} brings the current version`, headers("roblox-entry-version"), version);
  checkEqual(`${what} brings the attributes`, JSON.parse(headers("roblox-entry-attributes")),
    { x: 1 });
  checkEqual(`${what} brings the users`, JSON.parse(headers("roblox-entry-userids")), [1, 2]);
  check(`${what} brings the entry's time`, headers("roblox-entry-created-time"), null);
  check(`${what} brings the version's time`, headers("roblox-entry-version-created-time"), null);
}

/** Recorded shapes 3 and 4. */
async function v1Conditions(first) {
  const place = { universeId, datastoreName: "DSv1", entryKey: "k" };
  const stale = await checkRefused("v1 set with another version is refused", 412, () =>
    v1.setStandardDatastoreEntry({ ...place, entryValue: { a: 2 }, matchVersion: "zz" }),
  );
  checkCurrent("the refusal", stale, { a: 1 }, first.version);
  const exists = await checkRefused("v1 exclusive create over an entry is refused", 412, () =>
    v1.setStandardDatastoreEntry({ ...place, entryValue: { a: 2 }, exclusiveCreate: true }),
  );
  checkCurrent("this refusal too", exists, { a: 1 }, first.version);
  const both = await checkRefused("v1 set with both conditions is refused", 400, () =>
    v1.setStandardDatastoreEntry({
      ...place, entryValue: { a: 2 }, exclusiveCreate: true, matchVersion: first.version,
    }),
  );
  checkEqual("v1 says that there can be only one", v1Code(both),
    "ExclusiveCreateAndMatchVersionCannotBeSet");

  const second = await v1.setStandardDatastoreEntry({
    ...place, entryValue: { a: 2 }, matchVersion: first.version,
  });
  check("v1 set with the current version goes through", second.data.version !== first.version,
    second.data);
  checkEqual("v1: the entry keeps its time", second.data.objectCreatedTime, first.objectCreatedTime);
  const { data } = await v1.standardDatastoreEntry(place);
  checkEqual("v1: the new value is there", data.entry, { a: 2 });
  checkEqual("v1: users that are not sent are cleared", data.metadata.entryUserIds, []);
  checkEqual("v1: attributes that are not sent are cleared", data.metadata.entryAttributes, {});
  const fresh = await v1.setStandardDatastoreEntry({
    ...place, entryKey: "new", entryValue: [1], exclusiveCreate: true,
  });
  checkEqual("v1 exclusive create of a new entry", fresh.response.statusCode, 200);
}

/** Recorded shape 6. */
async function v1Increment() {
  const place = { universeId, datastoreName: "DSv1", entryKey: "c" };
  const first = await v1.incrementStandardDatastoreEntry({
    ...place, incrementBy: 5, entryUserIds: [1],
  });
  checkEqual("v1 increment makes what is missing", first.response.body, 5);
  const headers = first.response.headers;
  checkEqual("v1 increment returns the users", JSON.parse(headers.get("roblox-entry-userids")), [1]);
  checkEqual("v1 increment returns the attributes",
    JSON.parse(headers.get("roblox-entry-attributes")), {});
  check("v1 increment returns a checksum", Boolean(headers.get("content-md5")), null);
  const second = await v1.incrementStandardDatastoreEntry({ ...place, incrementBy: -8 });
  checkEqual("v1 increment goes below zero", second.response.body, -3);
  const { data } = await v1.standardDatastoreEntry(place);
  checkEqual("v1 get returns the sum", data.entry, -3);
  checkEqual("v1: users that an increment does not send are cleared", data.metadata.entryUserIds, []);
  checkEqual("v1 get returns the version of the sum", data.metadata.entryVersion,
    second.response.headers.get("roblox-entry-version"));
  const refused = await checkRefused("v1 increment of what is no number is refused", 400, () =>
    v1.incrementStandardDatastoreEntry({ ...place, entryKey: "s", incrementBy: 1 }),
  );
  checkEqual("v1 says that it is no number", v1Code(refused), "ExistingValueNotNumeric");
  check("v1: the client can read that too", refused.errors?.length > 0, refused.errors);
}

/** Recorded shape 11. */
async function v1Delete() {
  const place = { universeId, datastoreName: "DSv1", entryKey: "k" };
  const { data, response } = await v1.deleteStandardDatastoreEntry(place);
  checkEqual("v1 delete answers 204", response.statusCode, 204);
  checkEqual("v1 delete answers without a body", data, true);
  const gone = await checkRefused("v1 get of a deleted entry", 404, () =>
    v1.standardDatastoreEntry(place),
  );
  checkEqual("v1 says that a deleted entry is missing", v1Code(gone), "EntryNotFound");
  await v1.setStandardDatastoreEntry({ ...place, entryValue: { a: 3 }, exclusiveCreate: true });
  checkEqual("v1: a deleted entry can be created again",
    (await v1.standardDatastoreEntry(place)).data.entry, { a: 3 });
}

/** Recorded shapes 12, 13 and 14. */
async function v2CreateAndGet() {
  const place = { universeId, dataStore: "DSv2", entryId: "a/b" };
  await checkRefused("v2 get from a store that does not exist", 404, () =>
    v2.standardDataStoreEntry(place),
  );
  const created = await v2.createStandardDataStoreEntry({
    ...place, value: { a: 1 }, users: [1], attributes: { q: 1 },
  });
  const raw = created.response.body;
  checkEqual("v2 create returns the id", raw.id, "a:b");
  checkEqual("v2 create returns the path", raw.path,
    `universes/${universeId}/data-stores/DSv2/scopes/global/entries/a:b`);
  checkEqual("v2 create returns the value", raw.value, { a: 1 });
  checkEqual("v2 create returns the users", raw.users, ["users/1"]);
  checkEqual("v2 create returns the attributes", raw.attributes, { q: 1 });
  checkEqual("v2 create returns the state", raw.state, "ACTIVE");
  checkEqual("v2: etag and revision are one", raw.etag, raw.revisionId);
  checkEqual("v2: a new entry is as old as its revision", raw.revisionCreateTime, raw.createTime);
  checkTime("v2 create returns the time", created.data.createTime);

  const got = await v2.standardDataStoreEntry(place);
  checkEqual("v2 get returns the whole entry", got.response.body, raw);
  const again = await checkRefused("v2 create over an entry is refused", 400, () =>
    v2.createStandardDataStoreEntry({ ...place, value: 2 }),
  );
  checkEqual("v2 errors have a code", again.body.code, "INVALID_ARGUMENT");
  checkEqual("v2 errors have a text", typeof again.body.message, "string");
  await checkRefused("v2 get of an entry that does not exist", 404, () =>
    v2.standardDataStoreEntry({ ...place, entryId: "none" }),
  );

  const scoped = { universeId, dataStore: "DSv2", scope: "sc", entryId: "k" };
  const inScope = await v2.createStandardDataStoreEntry({ ...scoped, value: 1 });
  checkEqual("v2 create in a scope", inScope.response.body.path,
    `universes/${universeId}/data-stores/DSv2/scopes/sc/entries/k`);
  checkEqual("v2: attributes are always there", inScope.response.body.attributes, {});
  checkEqual("v2 get from a scope", (await v2.standardDataStoreEntry(scoped)).data.value, 1);
  await checkRefused("v2: another scope does not have it", 404, () =>
    v2.standardDataStoreEntry({ ...scoped, scope: undefined }),
  );
  return raw;
}

/** Recorded shape 15. */
async function v2Update(first) {
  const place = { universeId, dataStore: "DSv2", entryId: "a:b" };
  const updated = await v2.updateStandardDataStoreEntry({
    ...place, value: { a: 2 }, allowMissing: true,
  });
  const raw = updated.response.body;
  checkEqual("v2 update returns the value", raw.value, { a: 2 });
  checkEqual("v2: the entry keeps its time", raw.createTime, first.createTime);
  check("v2 update makes another revision", raw.revisionId !== first.revisionId, raw);
  checkEqual("v2: users that are not sent are cleared", raw.users, []);
  checkEqual("v2: attributes that are not sent are cleared", raw.attributes, {});
  checkEqual("v2 get returns what the update returned",
    (await v2.standardDataStoreEntry(place)).response.body, raw);
  const earlier = await v2.standardDataStoreEntry({ ...place, revisionId: first.revisionId });
  checkEqual("v2 get of an earlier revision", earlier.data.value, { a: 1 });
  checkEqual("v2: an earlier revision has its users", earlier.data.users, ["users/1"]);
  await checkRefused("v2 get of text that is no revision", 400, () =>
    v2.standardDataStoreEntry({ ...place, revisionId: "xx" }),
  );

  const missing = { ...place, entryId: "new", value: 1 };
  await checkRefused("v2 update of an entry that does not exist", 404, () =>
    v2.updateStandardDataStoreEntry(missing),
  );
  const made = await v2.updateStandardDataStoreEntry({ ...missing, allowMissing: true });
  checkEqual("v2 update makes it where that is allowed", made.response.body.id, "new");
  // On an update the mark is part of the key.
  const marked = await v2.updateStandardDataStoreEntry({
    ...place, entryId: "k@r2", value: 1, allowMissing: true,
  });
  checkEqual("v2 update of a key with a mark", marked.response.body.id, "k@r2");
  checkEqual("v2 get of a key with a mark",
    (await v2.standardDataStoreEntry({ ...place, entryId: "k@r2" })).data.value, 1);
}

/** Recorded shape 16. */
async function v2Increment() {
  const place = { universeId, dataStore: "DSv2", entryId: "cnt" };
  const first = await v2.incrementStandardDatastoreEntry({ ...place, amount: 3, users: [9] });
  const made = first.response.body;
  checkEqual("v2 increment makes what is missing", made.value, 3);
  checkEqual("v2 increment returns the users", made.users, ["users/9"]);
  checkEqual("v2 increment returns the whole entry",
    (await v2.standardDataStoreEntry(place)).response.body, made);
  const second = await v2.incrementStandardDatastoreEntry({ ...place, amount: -5 });
  checkEqual("v2 increment goes below zero", second.response.body.value, -2);
  checkEqual("v2: users that an increment does not send are cleared", second.response.body.users, []);
  checkEqual("v2: an increment leaves the entry its time", second.response.body.createTime,
    made.createTime);
  const scoped = { ...place, scope: "sc" };
  checkEqual("v2 increment in a scope",
    (await v2.incrementStandardDatastoreEntry({ ...scoped, amount: 1 })).response.body.value, 1);
  for (const [what, entryId, amount] of [
    ["what is no number", "a:b", 1], ["a fraction", "cnt", 2.5], ["an amount of 65 bits", "cnt", 2 ** 63],
  ]) {
    const refused = await checkRefused(`v2 increment: ${what} is refused`, 400, () =>
      v2.incrementStandardDatastoreEntry({ ...place, entryId, amount }),
    );
    checkEqual(`v2 increment: ${what} has a code`, refused.body.code, "INVALID_ARGUMENT");
  }
  checkEqual("v2: a refused increment changes nothing",
    (await v2.standardDataStoreEntry(place)).data.value, -2);
}

/** Recorded shape 21. */
async function v2Delete(first) {
  const place = { universeId, dataStore: "DSv2", entryId: "a:b" };
  const { data, response } = await v2.deleteStandardDataStoreEntry(place);
  checkEqual("v2 delete answers 200", response.statusCode, 200);
  checkEqual("v2 delete answers with an empty object", data, true);
  await checkRefused("v2 get of a deleted entry", 404, () => v2.standardDataStoreEntry(place));
  await checkRefused("v2 delete of a deleted entry", 404, () =>
    v2.deleteStandardDataStoreEntry(place),
  );
  const earlier = await v2.standardDataStoreEntry({ ...place, revisionId: first.revisionId });
  checkEqual("v2: an earlier revision of a deleted entry", earlier.data.value, { a: 1 });
  const back = await v2.createStandardDataStoreEntry({ ...place, value: { a: 4 } });
  checkEqual("v2: a deleted entry can be created again", back.data.value, { a: 4 });
}

/** Follows the cursors of a listing to its end. */
async function pages(call, cursorName, request) {
  const items = [];
  let cursor;
  do {
    const { data, response } = await call({ ...request, cursor });
    items.push(...data);
    check(`the end of a list is an empty ${cursorName}`,
      typeof response.body[cursorName] === "string", response.body[cursorName]);
    cursor = response.body[cursorName];
  } while (cursor !== "");
  return items;
}

/** Recorded shapes 7 to 10. */
async function v1Lists() {
  const place = { universeId, datastoreName: "DLv1" };
  for (let number = 0; number < 25; number++) {
    await v1.setStandardDatastoreEntry({ ...place, entryKey: `k${10 + number}`, entryValue: { number } });
  }
  await v1.setStandardDatastoreEntry({ ...place, scope: "sc", entryKey: "k10", entryValue: { a: 0 } });
  const keys = await pages(v1.standardDatastoreKeys, "nextPageCursor", { ...place, limit: 10 });
  checkEqual("v1 lists the keys of a scope", keys, Array.from({ length: 25 }, (_, n) => `k${10 + n}`));
  const all = await v1.standardDatastoreKeys({ ...place, allScopes: true, limit: 100 });
  checkEqual("v1 lists all scopes", all.response.body.keys.length, 26);
  checkEqual("v1 names the scope of a key", all.response.body.keys.at(-1), { scope: "sc", key: "k10" });
  const some = await v1.standardDatastoreKeys({ ...place, prefix: "k2", limit: 3 });
  checkEqual("v1 lists by prefix", some.data, ["k20", "k21", "k22"]);
  const other = await checkRefused("v1 refuses the cursor of another listing", 400, () =>
    v1.standardDatastoreKeys({ ...place, prefix: "k1", limit: 3, cursor: some.response.body.nextPageCursor }),
  );
  checkEqual("v1 says that it is the cursor", v1Code(other), "InvalidCursor");

  const names = await pages(v1.listStandardDatastores, "nextPageCursor", { universeId, prefix: "D", limit: 1 });
  checkEqual("v1 lists stores", names.map((store) => store.name), ["DLv1", "DSv1", "DSv2"]);
  checkTime("v1 lists stores with their time", names[0].createdTime);

  const entry = { ...place, entryKey: "k10" };
  for (const a of [1, 2, 3]) await v1.setStandardDatastoreEntry({ ...entry, entryValue: { a } });
  const versions = await pages(v1.listStandardDatastoreEntryVersions, "nextPageCursor", {
    ...entry, startTime: "1970-01-01T00:00:00.000Z", sortOrder: "Descending", limit: 2,
  });
  checkEqual("v1 lists versions", versions.length, 4);
  checkEqual("v1 lists the lengths of versions", versions.map((one) => one.contentLength), [7, 7, 7, 12]);
  checkTime("v1 lists versions with their time", versions[0].createdTime);
  const oldest = await v1.listStandardDatastoreEntryVersions({ ...entry, sortOrder: "Ascending", limit: 1 });
  checkEqual("v1 lists the oldest first", oldest.data[0].version, versions[3].version);
  const second = await v1.standardDatastoreEntryOfVersion({ ...entry, versionId: versions[1].version });
  checkEqual("v1 reads a version", second.data.entry, { a: 2 });
  checkEqual("v1 reads a version with its checksum", second.data.checksumsMatch, true);
  checkEqual("v1 reads a version with its id", second.data.metadata.entryVersion, versions[1].version);
  await checkRefused("v1 refuses a version that is none", 400, () =>
    v1.standardDatastoreEntryOfVersion({ ...entry, versionId: "xx" }),
  );
}

/** Recorded shapes 17 to 20. */
async function v2Lists() {
  const place = { universeId, dataStore: "DLv2" };
  for (let number = 0; number < 20; number++) {
    await v2.createStandardDataStoreEntry({ ...place, entryId: `a${10 + number}`, value: number });
  }
  const entries = await pages(v2.listStandardDataStoreEntries, "nextPageToken", { ...place, prefix: "a", limit: 7 });
  checkEqual("v2 lists entries", entries.map((one) => one.id), Array.from({ length: 20 }, (_, n) => `a${10 + n}`));
  checkEqual("v2 lists their paths", entries[0].path,
    `universes/${universeId}/data-stores/DLv2/scopes/global/entries/a10`);
  const entry = { ...place, entryId: "a10" };
  for (const value of [1, 2, 3]) await v2.updateStandardDataStoreEntry({ ...entry, value });
  const revisions = await pages(v2.listStandardDataStoreEntryRevisions, "nextPageToken", {
    ...entry, createdAfter: new Date(0), limit: 3,
  });
  checkEqual("v2 lists revisions", revisions.length, 4);
  checkEqual("v2 lists the newest first", (await v2.standardDataStoreEntry({
    ...entry, revisionId: revisions[0].revisionId,
  })).data.value, 3);
  check("v2 lists ids with their revision", revisions[0].id === `a10@${revisions[0].revisionId}`, revisions[0]);
  const stores = await v2.listStandardDataStores({ universeId, prefix: "DL", limit: 10 });
  checkEqual("v2 lists stores", stores.data.map((one) => one.id), ["DLv1", "DLv2"]);
  const first = await v2.createStandardDataStoreSnapshot({ universeId });
  checkEqual("v2 takes a snapshot", first.data.newSnapshotTaken, true);
  const again = await v2.createStandardDataStoreSnapshot({ universeId });
  checkEqual("v2 takes one a day", again.data.newSnapshotTaken, false);
  checkEqual("v2 tells its time", again.data.latestSnapshotTime, first.data.latestSnapshotTime);
}

/** Recorded shapes 22 to 27. */
async function ordered1() {
  const board = { universeId, orderedDataStore: "Top", scope: "global" };
  const made = await o1.createOrderedDatastoreEntry({ ...board, id: "u", value: 10 });
  checkEqual("v1 ordered create", made.data, {
    path: `universes/${universeId}/orderedDataStores/Top/scopes/global/entries/u`, id: "u", value: 10,
  });
  const exists = await checkRefused("v1 ordered create over an entry", 400, () =>
    o1.createOrderedDatastoreEntry({ ...board, id: "u", value: 11 }),
  );
  checkEqual("v1 ordered says that it exists", exists.body.message, "Entry already exists.");
  checkEqual("v1 ordered update", (await o1.updateOrderedDatastoreEntry({
    ...board, id: "u", newValue: 11, createIfNoEntryExists: true,
  })).data.value, 11);
  checkEqual("v1 ordered increment", (await o1.incrementOrderedDatastoreEntry({
    ...board, id: "u", incrementBy: 4,
  })).data.value, 15);
  checkEqual("v1 ordered get", (await o1.orderedDatastoreEntry({ ...board, id: "u" })).data.value, 15);
  for (let number = 0; number < 12; number++) {
    await o1.createOrderedDatastoreEntry({ ...board, id: `p${10 + number}`, value: number });
  }
  const top = await pages(o1.listOrderedDatastoreEntries, "nextPageToken", {
    ...board, maxPageSize: 5, orderBy: "desc", filter: "entry >= 1",
  });
  checkEqual("v1 ordered list", top.map((one) => one.value), [15, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
  const deleted = await o1.deleteOrderedDatastoreEntry({ ...board, id: "u" });
  check("v1 ordered delete", [200, 204].includes(deleted.response.statusCode), deleted.response.statusCode);
  await checkRefused("v1 ordered get of a deleted entry", 404, () =>
    o1.orderedDatastoreEntry({ ...board, id: "u" }),
  );
}

/** Recorded shapes 28 and 29. */
async function ordered2() {
  const board = { universeId, dataStoreId: "Top", scope: "global" };
  const made = await o2.createOrderedDataStoreEntry({ ...board, entryId: "z", entryValue: 3 });
  checkEqual("v2 ordered create", made.data.value, 3);
  const top = await pages(o2.listOrderedDatastoreEntries, "nextPageToken", {
    ...board, sortOrder: "Desc", lessThanOrEq: 99, moreThanOrEq: 1, limit: 3,
  });
  checkEqual("v2 ordered list", top.map((one) => one.value), [11, 10, 9, 8, 7, 6, 5, 4, 3, 3, 2, 1]);
  checkEqual("v2 ordered: equals in reverse", top.slice(8, 10).map((one) => one.id), ["z", "p13"]);
  checkEqual("v2 ordered update", (await o2.updateOrderedDataStoreEntry({
    ...board, entryId: "z", newEntryValue: 5,
  })).data.value, 5);
  checkEqual("v2 ordered increment", (await o2.incrementOrderedDataStoreEntry({
    ...board, entryId: "z", incrementBy: -7,
  })).data.value, -2);
  checkEqual("v2 ordered get", (await o2.orderedDataStoreEntry({ ...board, entryId: "z" })).data.value, -2);
  checkEqual("v2 ordered delete", (await o2.deleteOrderedDataStoreEntry({ ...board, entryId: "z" })).data, true);
  await checkRefused("v2 ordered delete of a deleted entry", 404, () =>
    o2.deleteOrderedDataStoreEntry({ ...board, entryId: "z" }),
  );
}

/** Not in the recordings: what the client makes of a key that is not accepted. */
async function wrongKey() {
  use("not-a-key");
  await checkRefused("a wrong key is refused", 401, () =>
    v1.standardDatastoreEntry({ universeId, datastoreName: "DSv1", entryKey: "k" }),
  );
}

use(process.env.STEADFAST_API_KEY);
const first = await v1SetAndGet();
await v1Strings();
await v1Conditions(first);
await v1Increment();
await v1Delete();
const created = await v2CreateAndGet();
await v2Update(created);
await v2Increment();
await v2Delete(created);
await v1Lists();
await v2Lists();
await ordered1();
await ordered2();
await wrongKey();
const seen = [...statuses];
check("no status that clients abort on", seen.every((one) => ALLOWED_STATUSES.has(one)), seen);
check("no fault of the server", seen.every((one) => one < 500), seen);
console.log("openblox 1.0.62: every check passed");
