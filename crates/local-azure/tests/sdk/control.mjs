// Uses Azure's control plane and directory by Microsoft's own libraries, as a program for the real Azure does.
//
// The developer's tokens come from ARM_TOKEN and GRAPH_TOKEN. Everything else is Azure's own.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { AuthorizationManagementClient } from "@azure/arm-authorization";
import { ManagementLockClient } from "@azure/arm-locks";
import { ManagedServiceIdentityClient } from "@azure/arm-msi";
import { ResourceManagementClient } from "@azure/arm-resources";
import { ClientSecretCredential } from "@azure/identity";
import { Client, PageIterator } from "@microsoft/microsoft-graph-client";
import authentication from "@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials/index.js";

const GRAPH = "https://graph.microsoft.com";
const DOMAIN = "contoso.onmicrosoft.com";

// Built-in roles have the same names in every tenant.
const READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

/** A credential that is one token. */
function staticToken(token) {
  return { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) };
}

/** The work must fail with an error of this class, with this status and this code of Azure. */
async function refused(kind, status, code, work) {
  await assert.rejects(work, (error) => {
    assert.deepEqual([error.name, error.statusCode, error.code], [kind, status, code], error.message);
    return true;
  });
}

async function all(list) {
  const found = [];
  for await (const one of list) found.push(one);
  return found;
}

/** Names in order, because Azure promises none. */
const names = (objects) => objects.map((one) => one.name).sort();

/** How many objects each page of a list has. */
const sizes = async (list) => (await all(list.byPage())).map((page) => page.length);

function clients(credential, subscription) {
  const { resourceGroups, resources } = new ResourceManagementClient(credential, subscription);
  const identities = new ManagedServiceIdentityClient(credential, subscription);
  const { roleAssignments, roleDefinitions } = new AuthorizationManagementClient(credential, subscription);
  const { managementLocks } = new ManagementLockClient(credential, subscription);
  return {
    resourceGroups,
    resources,
    userAssignedIdentities: identities.userAssignedIdentities,
    federatedIdentityCredentials: identities.federatedIdentityCredentials,
    roleAssignments,
    roleDefinitions,
    managementLocks,
  };
}

async function groupsOfResources({ resourceGroups }) {
  for (const name of ["north", "south", "west"]) {
    const group = await resourceGroups.createOrUpdate(name, { location: "westeurope", tags: { team: name } });
    assert.equal(group.properties.provisioningState, "Succeeded");
  }
  assert.equal((await resourceGroups.get("north")).location, "westeurope");
  assert.equal((await resourceGroups.checkExistence("nobody")).body, false);
  assert.deepEqual(await sizes(resourceGroups.list({ top: 2 })), [2, 1]);
  assert.deepEqual((await resourceGroups.update("north", { tags: { team: "n" } })).tags, { team: "n" });
  await refused("RestError", 409, "InvalidResourceGroupLocation", () =>
    resourceGroups.createOrUpdate("north", { location: "northeurope" }),
  );
  await resourceGroups.beginDeleteAndWait("south");
  await resourceGroups.beginDeleteAndWait("west");
  await refused("RestError", 404, "ResourceGroupNotFound", () => resourceGroups.get("west"));
}

/** Leaves the identity `north/site`, and returns it. */
async function managedIdentities({ userAssignedIdentities, federatedIdentityCredentials, resources }) {
  for (const name of ["site", "worker"]) {
    await userAssignedIdentities.createOrUpdate("north", name, { location: "westeurope" });
  }
  assert.deepEqual(names(await all(userAssignedIdentities.listByResourceGroup("north"))), ["site", "worker"]);
  assert.deepEqual(names(await all(userAssignedIdentities.listBySubscription())), ["site", "worker"]);
  assert.deepEqual(await sizes(resources.listByResourceGroup("north", { top: 1 })), [1, 1]);
  await userAssignedIdentities.update("north", "site", { tags: { a: "b" } });
  const site = await userAssignedIdentities.get("north", "site");
  assert.deepEqual(site.tags, { a: "b" });
  await refused("RestError", 404, "ResourceGroupNotFound", () =>
    userAssignedIdentities.createOrUpdate("nobody", "site", { location: "westeurope" }),
  );
  await userAssignedIdentities.delete("north", "worker");
  await refused("RestError", 404, "ResourceNotFound", () => userAssignedIdentities.get("north", "worker"));

  const trust = (name, subject) =>
    federatedIdentityCredentials.createOrUpdate("north", "site", name, {
      issuer: "https://token.actions.githubusercontent.com",
      subject,
      audiences: ["api://AzureADTokenExchange"],
    });
  for (const name of ["main", "test", "production"]) await trust(name, `repo:contoso/site:environment:${name}`);
  assert.deepEqual(await sizes(federatedIdentityCredentials.list("north", "site", { top: 2 })), [2, 1]);
  await trust("main", "repo:contoso/site:ref:refs/heads/main");
  const main = await federatedIdentityCredentials.get("north", "site", "main");
  assert.equal(main.subject, "repo:contoso/site:ref:refs/heads/main");
  await refused("RestError", 409, "Conflict", () => trust("another", "repo:contoso/site:environment:test"));
  for (const name of ["main", "test", "production"]) await federatedIdentityCredentials.delete("north", "site", name);
  assert.deepEqual(await all(federatedIdentityCredentials.list("north", "site")), []);
  return site;
}

async function roles({ roleAssignments, roleDefinitions }, subscription, site) {
  const everything = `/subscriptions/${subscription}`;
  const scope = `${everything}/resourceGroups/north`;
  const assign = (role, options) =>
    roleAssignments.create(scope, options?.name ?? randomUUID(), {
      roleDefinitionId: `${everything}/providers/Microsoft.Authorization/roleDefinitions/${role}`,
      principalId: site.principalId,
      principalType: "ServicePrincipal",
      ...options,
    });

  const reader = await assign(READER);
  assert.equal((await roleAssignments.get(scope, reader.name)).scope, scope);
  const filter = `assignedTo('${site.principalId}')`;
  assert.deepEqual(names(await all(roleAssignments.listForScope(scope, { filter }))), [reader.name]);
  assert.equal((await assign(READER, { name: reader.name, description: "To look" })).description, "To look");
  await refused("RestError", 409, "RoleAssignmentExists", () => assign(READER));
  await refused("RestError", 400, "RoleDefinitionDoesNotExist", () => assign(randomUUID()));

  const name = randomUUID();
  const define = (actions) =>
    roleDefinitions.createOrUpdate(everything, name, {
      roleName: "Watcher",
      roleType: "CustomRole",
      description: "Made by a test",
      permissions: [{ actions, notActions: [] }],
      assignableScopes: [everything],
    });
  await define(["Microsoft.ManagedIdentity/userAssignedIdentities/read"]);
  await define(["Microsoft.ManagedIdentity/*/read"]);
  const [permission] = (await roleDefinitions.get(everything, name)).permissions;
  assert.deepEqual(permission.actions, ["Microsoft.ManagedIdentity/*/read"]);
  assert.deepEqual(names(await all(roleDefinitions.list(everything, { filter: "type eq 'CustomRole'" }))), [name]);
  const watcher = await assign(name);
  await refused("RestError", 400, "RoleDefinitionHasAssignments", () => roleDefinitions.delete(everything, name));

  await roleAssignments.deleteById(watcher.id);
  await roleAssignments.delete(scope, reader.name);
  await roleDefinitions.delete(everything, name);
  await refused("RestError", 404, "RoleAssignmentNotFound", () => roleAssignments.get(scope, reader.name));
  await refused("RestError", 404, "RoleDefinitionDoesNotExist", () => roleDefinitions.get(everything, name));
}

async function locks({ managementLocks, resourceGroups, userAssignedIdentities }, site) {
  const update = () => userAssignedIdentities.update("north", "site", { tags: {} });

  await managementLocks.createOrUpdateByScope(site.id, "frozen", { level: "ReadOnly" });
  assert.equal((await managementLocks.getByScope(site.id, "frozen")).level, "ReadOnly");
  await refused("RestError", 409, "ScopeLocked", update);
  await managementLocks.deleteByScope(site.id, "frozen");

  const keep = (lock) => managementLocks.createOrUpdateAtResourceGroupLevel("north", "keep", lock);
  await keep({ level: "ReadOnly" });
  await keep({ level: "CanNotDelete", notes: "not yet" });
  assert.equal((await managementLocks.getAtResourceGroupLevel("north", "keep")).notes, "not yet");
  await update();
  await refused("RestError", 409, "ScopeLocked", () => resourceGroups.beginDeleteAndWait("north"));

  await managementLocks.createOrUpdateAtSubscriptionLevel("all", { level: "ReadOnly" });
  assert.deepEqual(names(await all(managementLocks.listAtSubscriptionLevel())), ["all", "keep"]);
  await refused("RestError", 409, "ScopeLocked", update);

  await managementLocks.deleteAtSubscriptionLevel("all");
  await managementLocks.deleteAtResourceGroupLevel("north", "keep");
  await refused("RestError", 404, "LockNotFound", () => managementLocks.getAtResourceGroupLevel("north", "keep"));
}

/** The objects of a list of Graph, page by page. */
async function everyOne(graph, path) {
  const found = [];
  const iterator = new PageIterator(graph, await graph.api(path).get(), (one) => found.push(one) > 0);
  await iterator.iterate();
  return found;
}

async function directory(graph, site) {
  const newUser = (name) =>
    graph.api("/users").post({
      accountEnabled: true,
      displayName: name,
      mailNickname: name,
      userPrincipalName: `${name}@${DOMAIN}`,
      passwordProfile: { password: "Riddle-123456" },
    });
  const newGroup = (displayName) =>
    graph.api("/groups").post({ displayName, mailNickname: displayName, mailEnabled: false, securityEnabled: true });
  const created = {
    users: [await newUser("grace"), await newUser("linus")],
    groups: [await newGroup("Sailors"), await newGroup("Divers")],
    applications: [
      await graph.api("/applications").post({ displayName: "api" }),
      await graph.api("/applications").post({ displayName: "job" }),
    ],
  };
  const [api] = created.applications;
  created.servicePrincipals = [await graph.api("/servicePrincipals").post({ appId: api.appId })];

  // Every kind is shown, listed on several pages, and changed.
  const changes = {
    users: { jobTitle: "Admiral" },
    groups: { description: "At sea" },
    applications: { displayName: "renamed" },
    servicePrincipals: { tags: ["test"] },
  };
  for (const [kind, change] of Object.entries(changes)) {
    const [{ id }] = created[kind];
    assert.equal((await graph.api(`/${kind}/${id}`).get()).id, id);
    const listed = (await everyOne(graph, `/${kind}?$top=1`)).map((one) => one.id);
    assert.equal(new Set(listed).size, listed.length);
    for (const one of created[kind]) assert.ok(listed.includes(one.id), kind);
    await graph.api(`/${kind}/${id}`).patch(change);
    const shown = await graph.api(`/${kind}/${id}`).get();
    for (const [property, value] of Object.entries(change)) assert.deepEqual(shown[property], value);
  }

  const [{ id: grace }] = created.users;
  const members = `/groups/${created.groups[0].id}/members`;
  const add = (id) => graph.api(`${members}/$ref`).post({ "@odata.id": `${GRAPH}/v1.0/directoryObjects/${id}` });
  await add(grace);
  await add(site.principalId);
  const types = (await everyOne(graph, `${members}?$top=1`)).map((one) => one["@odata.type"]);
  assert.deepEqual(types.sort(), ["#microsoft.graph.servicePrincipal", "#microsoft.graph.user"]);
  await graph.api(`${members}/${grace}/$ref`).delete();
  assert.deepEqual((await everyOne(graph, members)).map((one) => one.id), [site.principalId]);

  const secret = await graph.api(`/applications/${api.id}/addPassword`).post({});
  const [shown] = (await graph.api(`/applications/${api.id}`).get()).passwordCredentials;
  assert.deepEqual([shown.keyId, shown.secretText], [secret.keyId, null]);
  const remove = () => graph.api(`/applications/${api.id}/removePassword`).post({ keyId: secret.keyId });
  await remove();

  await refused("Error", 400, "Request_BadRequest", () => newUser("grace"));
  await refused("Error", 400, "Request_BadRequest", () => add(site.principalId));
  await refused("Error", 400, "Request_BadRequest", remove);
  await refused("Error", 409, "Request_MultipleObjectsWithSameKeyValue", () =>
    graph.api("/servicePrincipals").post({ appId: api.appId }),
  );

  // A service principal is deleted before its application, with which it would go.
  for (const kind of Object.keys(created).reverse()) {
    for (const { id } of created[kind]) {
      await graph.api(`/${kind}/${id}`).delete();
      await refused("Error", 404, "Request_ResourceNotFound", () => graph.api(`/${kind}/${id}`).get());
    }
  }
}

/** An application signs in with its secret, and may do what its role permits: nothing more. */
async function aProgramOfItsOwn(azure, graph, subscription, tenant) {
  const application = await graph.api("/applications").post({ displayName: "robot" });
  const principal = await graph.api("/servicePrincipals").post({ appId: application.appId });
  const { secretText } = await graph.api(`/applications/${application.id}/addPassword`).post({});
  await azure.roleAssignments.create(`/subscriptions/${subscription}/resourceGroups/north`, randomUUID(), {
    roleDefinitionId: `/subscriptions/${subscription}/providers/Microsoft.Authorization/roleDefinitions/${READER}`,
    principalId: principal.id,
    principalType: "ServicePrincipal",
  });
  const robot = clients(new ClientSecretCredential(tenant, application.appId, secretText), subscription);
  assert.deepEqual(names(await all(robot.resourceGroups.list())), ["north"]);
  await refused("RestError", 403, "AuthorizationFailed", () => robot.userAssignedIdentities.delete("north", "site"));
  const wrong = new ClientSecretCredential(tenant, application.appId, "wrong");
  await assert.rejects(() => wrong.getToken("https://management.azure.com/.default"), /AADSTS7000215/);
  await graph.api(`/applications/${application.id}`).delete();
}

const credential = staticToken(process.env.ARM_TOKEN);
const graphCredential = staticToken(process.env.GRAPH_TOKEN);
const scopes = [`${GRAPH}/.default`];
const graph = Client.initWithMiddleware({
  authProvider: new authentication.TokenCredentialAuthenticationProvider(graphCredential, { scopes }),
});
// There is one subscription, of which the developer is the owner.
const answer = await fetch("https://management.azure.com/subscriptions?api-version=2022-12-01", {
  headers: { Authorization: `Bearer ${process.env.ARM_TOKEN}` },
});
const [{ subscriptionId: subscription, tenantId: tenant }] = (await answer.json()).value;
const azure = clients(credential, subscription);

await groupsOfResources(azure);
const site = await managedIdentities(azure);
await roles(azure, subscription, site);
await locks(azure, site);
await directory(graph, site);
await aProgramOfItsOwn(azure, graph, subscription, tenant);
await azure.resourceGroups.beginDeleteAndWait("north");
console.log("everything is as in Azure");
