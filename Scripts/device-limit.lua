-- SPDX-License-Identifier: Apache-2.0
--
-- Device limit: bounds from how many addresses a user is connected at a time.
--
-- The first addresses are admitted, up to the limit, and stay so until nothing was seen of them for the window. Those beyond the limit
-- have the grace period; then either their connections are closed, each time that they come again, or the user is removed for a
-- while. Whoever finds a place free is admitted.
--
-- Other scripts are told by the event script.device_limit { email, devices, limit }.
--
-- The core tells of addresses only where the policy of the user's level has `statsUserOnline`; 127.0.0.1 and ::1 do not count.

local settings = settings {
    limit = { type = "integer", min = 1, default = 3, doc = "addresses for everybody" },
    limits = { type = "map", of = { type = "integer", min = 1, also = "unlimited" }, default = {}, doc = "addresses by e-mail" },
    window = { type = "duration", min = "1s", default = "5m", doc = "how long an address is remembered that is not seen any more" },
    grace = { type = "duration", default = "10s", doc = "how long a user may be over the limit" },
    action = {
        type = "choice", of = { "close", "remove" }, default = "close",
        doc = "close the connections from addresses beyond the limit, or remove the user for the time of `ban`",
    },
    ban = { type = "duration", min = "1s", default = "10m", doc = "how long a user is removed" },
    inbounds = { type = "list", of = "string", doc = "the inbounds to remove users from; without it all that have users" },
    interval = { type = "duration", min = "1s", default = "5s", doc = "how often to look" },
}

local suspended = require("lib.suspended").new(settings.inbounds)
local words = require("lib.words")

local limits = {}
for email, limit in pairs(settings.limits) do limits[email:lower()] = limit end
local function limit_of(email)
    local limit = limits[email:lower()] or settings.limit
    return limit == "unlimited" and math.huge or limit
end

-- By e-mail: { admitted = { [address] = last seen }, count, extra = { [address] = first seen } }.
local devices = {}

local function address_of(source) return source:match("^%[(.*)%]:%d+$") or source:match("^([^:]*):%d+$") or source end

local function forget(device, now)
    for address, seen in pairs(device.admitted) do
        if now - seen >= settings.window then
            device.admitted[address] = nil
            device.count = device.count - 1
        end
    end
end

-- True when the address is beyond the limit.
local function see(email, address, now)
    local device = devices[email] or { admitted = {}, count = 0, extra = {} }
    devices[email] = device
    if not device.admitted[address] then
        forget(device, now)
        if device.count >= limit_of(email) then
            device.extra[address] = device.extra[address] or now
            return true
        end
        device.count = device.count + 1
        device.extra[address] = nil
    end
    device.admitted[address] = now
    return false
end

local function act(email, address)
    local device, limit = devices[email], limit_of(email)
    if settings.action == "close" then
        local closed = flows.close{ email = email, source = address }
        if closed > 0 and not device.told then
            log.warning(("%s is connected from more than %d addresses: %s from %s closed"):format(
                email, limit, words.count(closed, "connection"), address))
        end
    elseif not suspended:has(email) then
        local gone = suspended:remove(email)
        local closed = flows.close{ email = email }
        store.set("until/" .. email, time.now() + settings.ban)
        log.warning(("%s is connected from more than %d addresses: removed from %s for %d s, %s closed"):format(
            email, limit, table.concat(gone, ", "), settings.ban, words.count(closed, "connection")))
        devices[email] = nil
    end
    if not device.told then events.raise("script.device_limit", { email = email, devices = device.count + 1, limit = limit }) end
    device.told = true
end

-- What is connected now, as { [e-mail] = { [address] = true } }.
local function connected()
    local list = {}
    for _, flow in ipairs(flows.list{}) do
        local address = address_of(flow.source)
        if flow.email ~= "" and address ~= "127.0.0.1" and address ~= "::1" then
            list[flow.email] = list[flow.email] or {}
            list[flow.email][address] = true
        end
    end
    return list
end

local is_busy, is_due = false, false
local function look()
    is_due = is_busy
    if is_busy then return end
    is_busy = true
    local done, problem
    repeat
        is_due = false
        done, problem = pcall(function()
            local live, now, over = connected(), time.now(), {}
            for email, addresses in pairs(live) do
                -- Those admitted first, so that nobody takes the place of one who is still there.
                local device = devices[email]
                for address in pairs(addresses) do
                    if device and device.admitted[address] then device.admitted[address] = now end
                end
                local names = {}
                for address in pairs(addresses) do names[#names + 1] = address end
                table.sort(names)
                for _, address in ipairs(names) do
                    if see(email, address, now) and now - devices[email].extra[address] >= settings.grace then
                        over[#over + 1] = { email = email, address = address }
                    end
                end
            end
            for email, device in pairs(devices) do
                forget(device, now)
                for address in pairs(device.extra) do
                    -- The grace does not begin anew with each connection.
                    if not (live[email] and live[email][address]) and now - device.extra[address] >= settings.window then
                        device.extra[address] = nil
                    end
                end
                if not next(device.extra) then device.told = nil end
                if device.count == 0 and not next(device.extra) then devices[email] = nil end
            end
            for _, item in ipairs(over) do
                if devices[item.email] then act(item.email, item.address) end
            end
            for _, email in ipairs(suspended:emails()) do
                if now >= (store.get("until/" .. email) or 0) and suspended:restore(email) then
                    store.delete("until/" .. email)
                end
            end
        end)
    until not done or not is_due
    is_busy = false
    if not done then error(problem, 0) end
end

after("0s", look, { name = "at start" })
every(settings.interval, look, { name = "device limit" })
on("user.online", function(event)
    local now = time.now()
    if not see(event.email, event.source, now) then return end
    if now - devices[event.email].extra[event.source] >= settings.grace then look() end
end, { name = "online", buffer = 10000 })
