-- SPDX-License-Identifier: Apache-2.0
--
-- Rebalance: sends a balancer's new connections through the outbound that carries the least.
--
-- The script measures what each candidate carries over the window, divides by its weight, and moves the balancer's override to the one
-- with the least load. It moves only when that is lower than the load of the present one by the margin, and not before the present one
-- was held for a time, so that it does not swing. The log says what was moved and why. Connections that exist stay where they are.
--
-- Other scripts are told by the event script.rebalanced { tag, from, to }.
--
-- The core counts outbounds only where the configuration has `stats` and, in `policy.system`, `statsOutboundUplink` and
-- `statsOutboundDownlink`.

local settings = settings {
    balancer = { type = "string", required = true, doc = "the balancer's tag" },
    outbounds = { type = "list", of = "string", required = true, doc = "the tags of the outbounds to choose from" },
    weights = {
        type = "map", of = { type = "number", min = 0.001 }, default = {},
        doc = "how much more an outbound can carry than one of weight 1, by tag",
    },
    window = { type = "duration", min = "1s", default = "1m", doc = "the time over which load is measured" },
    interval = { type = "duration", min = "1s", default = "10s", doc = "how often to look" },
    margin = { type = "number", min = 0, max = 99, default = 25, doc = "by how many percent the other load must be lower" },
    hold = { type = "duration", default = "5m", doc = "how long a target stays at least" },
    least = { type = "size", default = "10kB", doc = "a load (per second) below which nothing is moved" },
}
if #settings.outbounds < 2 then error("settings: outbounds: at least two are needed to choose from", 0) end

-- Readings within the window, the oldest first: { time, [tag] = bytes }.
local readings = {}

local function measure(now)
    -- The calendar was set back.
    if readings[1] and now < readings[#readings].time then readings = {} end
    local reading = { time = now }
    for _, tag in ipairs(settings.outbounds) do reading[tag] = 0 end
    for name, value in pairs(stats.query("outbound>>>", { total = true })) do
        local tag = name:match("^outbound>>>(.-)>>>traffic>>>%a+link$")
        if reading[tag] and tag ~= "time" then reading[tag] = reading[tag] + value end
    end
    readings[#readings + 1] = reading
    -- The newest reading that is a window old stays.
    while #readings > 2 and readings[2].time <= now - settings.window do table.remove(readings, 1) end
end

local function loads()
    local first, last = readings[1], readings[#readings]
    local seconds, list = last.time - first.time, {}
    for _, tag in ipairs(settings.outbounds) do
        list[tag] = math.max(0, last[tag] - first[tag]) / seconds / (settings.weights[tag] or 1)
    end
    return list
end

local moved_at = store.get("moved_at")

every(settings.interval, function()
    local now = time.now()
    measure(now)
    if #readings < 2 or now - readings[1].time < settings.window then return end
    local load = loads()
    local target = routing.GetBalancerInfo{ tag = settings.balancer }.balancer.override.target
    local best
    for _, tag in ipairs(settings.outbounds) do
        if not best or load[tag] < load[best] then best = tag end
    end
    local per_second = function(tag) return size_text(load[tag] // 1 | 0) .. "/s" end
    local why
    if not load[target] then
        why = target == "" and "it had no target" or target .. " is not one to choose from"
    else
        if best == target or load[target] < settings.least then return end
        if load[best] > load[target] * (1 - settings.margin / 100) then return end
        if moved_at and now >= moved_at and now - moved_at < settings.hold then return end
        why = ("%s carries %s"):format(target, per_second(target))
    end
    routing.OverrideBalancerTarget{ balancerTag = settings.balancer, target = best }
    moved_at = now
    store.set("moved_at", now)
    log.info(("%s goes to %s, which carries %s: %s"):format(settings.balancer, best, per_second(best), why))
    events.raise("script.rebalanced", { tag = settings.balancer, from = target, to = best })
end, { name = "rebalance" })
