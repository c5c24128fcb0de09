-- SPDX-License-Identifier: Apache-2.0
--
-- Block source: blocks, for a time, addresses from which many handshakes are refused, or that a line of the log names.
--
-- A blocked address gets a routing rule to an outbound that discards (a blackhole), and its connections are closed. The rule is removed
-- when the time is over; it is there again after a restart. Rules of the configuration that fit stand before it.
--
-- Other scripts are told by the events script.source_blocked { source, reason } and script.source_unblocked { source }.

local settings = settings {
    attempts = { type = "integer", min = 1, default = 20, doc = "refused handshakes within the window after which to block" },
    window = { type = "duration", min = "1s", default = "1m" },
    block = { type = "duration", min = "1s", default = "1h", doc = "how long an address stays blocked" },
    allow = { type = "list", of = "string", default = {}, doc = "addresses and networks (10.0.0.0/8) that are never blocked" },
    inbounds = { type = "list", of = "string", doc = "inbounds to watch; without it all" },
    patterns = {
        type = "list", of = "string", default = {},
        doc = "Lua patterns of log lines that count as a refused handshake; the first capture is the address",
    },
    outbound = { type = "string", default = "blocked", doc = "the outbound that blocked addresses are sent to" },
    most = { type = "integer", min = 1, max = 10000, default = 1000, doc = "how many addresses may be blocked at a time" },
}

local words = require("lib.words")

for _, network in ipairs(settings.allow) do
    if not pcall(ip.within, "0.0.0.0", network) then
        error(("settings: allow: an address or a network such as \"10.0.0.0/8\" is expected, found %q"):format(network), 0)
    end
end

local function is_allowed(address)
    for _, network in ipairs(settings.allow) do
        if ip.within(address, network) then return true end
    end
    return false
end

local watched = {}
for _, tag in ipairs(settings.inbounds or {}) do watched[tag] = true end

-- MARK: blocks

-- When each blocked address is free again; the store has the same.
local blocked, count = {}, 0
for key, moment in pairs(store.list("blocked/")) do
    blocked[key:sub(#"blocked/" + 1)] = moment
    count = count + 1
end

local function tag_of(address) return "block-source/" .. address end

local function has_rule(address)
    for _, rule in ipairs(rules.list()) do
        if rule.ruleTag == tag_of(address) then return true end
    end
    return false
end

-- Once for each address: after a reload the rule is there already.
local function add_rule(address)
    if has_rule(address) then return end
    local bytes = ip.bytes(address)
    local rule = {
        rule_tag = tag_of(address), tag = settings.outbound,
        source_ip = { { custom = { cidr = { ip = bytes, prefix = 8 * #bytes } } } },
    }
    routing.AddRule{ shouldAppend = true, config = { _type = "xray.app.router.Config", rule = { rule } } }
end

local function block(address, why)
    if count >= settings.most then
        log.warning(("%s is not blocked: %d addresses are"):format(address, count))
        return
    end
    blocked[address], count = time.now() + settings.block, count + 1
    store.set("blocked/" .. address, blocked[address])
    add_rule(address)
    local closed = flows.close{ source = address }
    log.warning(("%s is blocked for %d s: %s, %s closed"):format(address, settings.block, why, words.count(closed, "connection")))
    events.raise("script.source_blocked", { source = address, reason = why })
end

local function unblock(address)
    blocked[address], count = nil, count - 1
    store.delete("blocked/" .. address)
    pcall(routing.RemoveRule, { ruleTag = tag_of(address) })
    log.info(address, "is free again")
    events.raise("script.source_unblocked", { source = address })
end

-- MARK: attempts

-- The times of refused handshakes within the window, by address.
local attempts = {}

local function refused(address, why)
    if blocked[address] or is_allowed(address) then return end
    local now = time.now()
    local times = attempts[address] or {}
    while times[1] and now - times[1] >= settings.window do table.remove(times, 1) end
    times[#times + 1] = now
    attempts[address] = times
    if #times < settings.attempts then return end
    attempts[address] = nil
    block(address, why or ("%d refused handshakes within %d s"):format(#times, settings.window))
end

on("connection.rejected", function(event)
    if not settings.inbounds or watched[event.inbound] then refused(event.source) end
end, { name = "refused handshakes", buffer = 10000 })

if #settings.patterns > 0 then
    on("log", function(event)
        for _, pattern in ipairs(settings.patterns) do
            local address = event.message:match(pattern)
            if address and ip.bytes(address) then refused(address, ("the log has %d lines that fit %q"):format(settings.attempts, pattern)) end
        end
    end, { name = "log", buffer = 10000 })
end

after("0s", function()
    for address in pairs(blocked) do add_rule(address) end
end, { name = "at start" })

every("1s", function()
    local now = time.now()
    for address, moment in pairs(blocked) do
        if now >= moment then unblock(address) end
    end
    for address, times in pairs(attempts) do
        if now - times[#times] >= settings.window then attempts[address] = nil end
    end
end, { name = "unblock" })
