#!lua name=jobhopper_VERSION
-- The hopper's functions. Keys of a queue, in this order:
--   1 ready     sorted set: id by score
--   2 jobs      hash: id -> "attempt updated_at json"
--   3 horizon   hash: score, id (the bound: every queued job below it is in ready), bytes
--   4 taken     sorted set: id by a stamp of the attempt and until when (ms) its offers are stale
--   5 settings  hash: paused
--   6 refill    hash, there while one is under way: token, and score and id of the lowest place
--               that was let go since it began
--   7 offers    the channel that tells of new work
--   8 gone      sorted set: id by the updated_at with which a job left its queue; older offers of
--               it are stale
-- A place is a pair (score, id). A bound "just above id" is written as the id with "!" behind it:
-- that sorts after the id and before every other.
-- While a refill is under way, ready also keeps what is offered above the horizon, because the
-- horizon that the refill brings may lie higher. It is handed out only once it lies below.

local INFINITE = 1e300
local OFFER_TRUST_MS = 5000
local TAKEN_MS = 10000
local GONE_MS = 10000
local GONE_MAX = 20000
-- Arguments of one call: Lua has room for no more than 8,000.
local PIECE = 4000

local function now_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

local function below(score, id, other_score, other_id)
  return score < other_score or (score == other_score and id < other_id)
end

-- A command with any number of arguments behind its key; the replies as one list.
local function bulk(command, key, list)
  if #list <= PIECE then
    return #list > 0 and redis.call(command, key, unpack(list)) or {}
  end
  local replies = {}
  for first = 1, #list, PIECE do
    local reply = redis.call(command, key, unpack(list, first, math.min(first + PIECE - 1, #list)))
    if type(reply) == 'table' then
      for i = 1, #reply do replies[#replies + 1] = reply[i] end
    end
  end
  return replies
end

-- Until when and of which attempt, in one number that a double holds exactly.
local function stamp(until_ms, attempt)
  return until_ms * 4096 + attempt % 4096
end

local function horizon(keys)
  local found = redis.call('HMGET', keys[3], 'score', 'id')
  if not found[1] then return nil end
  return tonumber(found[1]), found[2]
end

local function set_horizon(keys, score, id)
  redis.call('HSET', keys[3], 'score', string.format('%.17g', score), 'id', id)
end

local function add_bytes(keys, bytes)
  if bytes ~= 0 then redis.call('HINCRBY', keys[3], 'bytes', bytes) end
end

-- What a refill under way must know: it may not have read what stands at this place.
local function note_let_go(keys, score, id)
  local found = redis.call('HMGET', keys[6], 'token', 'score', 'id')
  if not found[1] then return end
  if not found[2] or below(score, id, tonumber(found[2]), found[3]) then
    redis.call('HSET', keys[6], 'score', string.format('%.17g', score), 'id', id)
  end
end

-- Removes the values of ids that have left ready; returns how many there were, and their bytes.
local function discard(keys, ids)
  local count, bytes = 0, 0
  for _, value in ipairs(bulk('HMGET', keys[2], ids)) do
    if value then count, bytes = count + 1, bytes + #value end
  end
  bulk('HDEL', keys[2], ids)
  add_bytes(keys, -bytes)
  return count, bytes
end

local function updated_at(value)
  return tonumber(string.match(value, '^%d+ (%d+)'))
end

-- Puts in the jobs in args from `first` on (id, score, attempt, value) that lie below the bound;
-- returns how many. What is held in a newer version stays, and so does what was taken; a held
-- version that is older than one beyond the bound goes, because its place is no longer its own.
local function put(keys, args, first, bound_score, bound_id, now)
  local ids = {}
  for i = first, #args, 4 do ids[#ids + 1] = args[i] end
  if #ids == 0 then return 0 end
  local held = {}
  for n, value in ipairs(bulk('HMGET', keys[2], ids)) do held[ids[n]] = value end
  local stamps = redis.call('EXISTS', keys[4]) == 1 and bulk('ZMSCORE', keys[4], ids) or {}
  local marks = redis.call('EXISTS', keys[8]) == 1 and bulk('ZMSCORE', keys[8], ids) or {}
  local places, values, gone, bytes = {}, {}, {}, 0
  for n, id in ipairs(ids) do
    local i = first + 4 * (n - 1)
    local score, attempt, value = tonumber(args[i + 1]), tonumber(args[i + 2]), args[i + 3]
    local until_ms = tonumber(stamps[n] or 0)
    local taken = until_ms > now * 4096 and until_ms % 4096 == attempt % 4096
    local old = held[id]
    local stale = marks[n] and updated_at(value) < tonumber(marks[n])
    if not taken and not stale and not (old and updated_at(old) > updated_at(value)) then
      if below(score, id, bound_score, bound_id) then
        bytes = bytes + #value - (old and #old or 0)
        held[id] = value
        places[#places + 1], places[#places + 2] = score, id
        values[#values + 1], values[#values + 2] = id, value
      elseif old and updated_at(old) < updated_at(value) then
        gone[#gone + 1] = id
      end
    end
  end
  bulk('ZADD', keys[1], places)
  bulk('HSET', keys[2], values)
  add_bytes(keys, bytes)
  bulk('ZREM', keys[1], gone)
  discard(keys, gone)
  return #places / 2
end

-- Where an offer's bound is: the horizon, or beyond all while a refill is under way.
local function offer_bound(keys)
  if redis.call('EXISTS', keys[6]) == 1 then return INFINITE, '' end
  local score, id = horizon(keys)
  return score or -1, id or ''
end

-- Takes the last jobs out while there are too many; the horizon is lowered to the lowest of them.
local function trim(keys, most_jobs, most_bytes)
  local bytes = tonumber(redis.call('HGET', keys[3], 'bytes') or '0')
  local count = redis.call('ZCARD', keys[1])
  local lowest
  while count > 1 and (count > most_jobs or bytes > most_bytes) do
    local popped = redis.call('ZPOPMAX', keys[1], math.max(1, count - math.max(1, most_jobs)))
    local ids = {}
    for i = 1, #popped, 2 do ids[#ids + 1] = popped[i] end
    local _, freed = discard(keys, ids)
    count, bytes, lowest = count - #ids, bytes - freed, popped
  end
  if not lowest then return end
  local score, id = tonumber(lowest[#lowest]), lowest[#lowest - 1]
  local score_h, id_h = horizon(keys)
  if score_h and below(score, id, score_h, id_h) then set_horizon(keys, score, id) end
  note_let_go(keys, score, id)
end

-- Drops what lies at the horizon or above it.
local function cut(keys, score_h, id_h)
  if score_h >= INFINITE then return end
  local above = redis.call('ZRANGEBYSCORE', keys[1], string.format('%.17g', score_h), '+inf',
    'WITHSCORES')
  local ids = {}
  for i = 1, #above, 2 do
    if not below(tonumber(above[i + 1]), above[i], score_h, id_h) then ids[#ids + 1] = above[i] end
  end
  bulk('ZREM', keys[1], ids)
  discard(keys, ids)
end

-- args: time (ms) taken before the database was read, most jobs, most bytes,
--       then of each job: id, score, attempt, value. Returns how many went in, -1: offered too late.
local function offer(keys, args)
  local now = now_ms()
  if now - tonumber(args[1]) > OFFER_TRUST_MS then
    for i = 4, #args, 4 do note_let_go(keys, tonumber(args[i + 1]), args[i]) end
    return -1
  end
  local score, id = offer_bound(keys)
  local added = put(keys, args, 4, score, id, now)
  if added > 0 then trim(keys, tonumber(args[2]), tonumber(args[3])) end
  -- Whoever waits for an empty hopper whose horizon is low finds the job in the database.
  if added > 0 or redis.call('EXISTS', keys[1]) == 0 then redis.call('PUBLISH', keys[7], added) end
  return added
end

-- args: score and id of the lowest job that Redis had no room for. The hopper does not know of it,
-- nor of what was refused with it: what is offered behind it once there is room must not go first.
local function refuse(keys, args)
  local score, id = tonumber(args[1]), args[2]
  local score_h, id_h = horizon(keys)
  if score_h and below(score, id, score_h, id_h) then
    set_horizon(keys, score, id)
    -- A refill under way cuts at its own end, by a horizon that may lie higher.
    if redis.call('EXISTS', keys[6]) == 0 then cut(keys, score, id) end
  end
  note_let_go(keys, score, id)
  redis.call('PUBLISH', keys[7], 0)
  return 1
end

-- args: how many, the low-water mark. Returns a word ('ok', 'dry', 'cold', 'paused'), whether a
-- refill is due, the horizon's score and id, then id and value of each job. 'cold': nothing is
-- known; 'dry': there is more in the database, from the horizon on.
local function take(keys, args)
  if redis.call('HGET', keys[5], 'paused') == '1' then return {'paused', 0, '', ''} end
  local score_h, id_h = horizon(keys)
  if not score_h then return {'cold', 1, '', ''} end
  local now, wanted = now_ms(), tonumber(args[1])
  redis.call('ZREMRANGEBYSCORE', keys[4], '-inf', now * 4096 + 4095)
  local popped = redis.call('ZPOPMIN', keys[1], wanted)
  local last = #popped
  while last > 0 and not below(tonumber(popped[last]), popped[last - 1], score_h, id_h) do
    redis.call('ZADD', keys[1], popped[last], popped[last - 1])
    last = last - 2
  end
  local finite, short = score_h < INFINITE, last / 2 < wanted
  local low = short or redis.call('ZCARD', keys[1]) < tonumber(args[2])
  local reply = {finite and short and 'dry' or 'ok', finite and low and 1 or 0,
    string.format('%.17g', score_h), id_h}
  local ids, stamps, bytes = {}, {}, 0
  for i = 1, last, 2 do ids[#ids + 1] = popped[i] end
  for n, value in ipairs(bulk('HMGET', keys[2], ids)) do
    if value then
      bytes = bytes + #value
      stamps[#stamps + 1] = stamp(now + TAKEN_MS, tonumber(string.match(value, '^%d+')))
      stamps[#stamps + 1] = ids[n]
      reply[#reply + 1], reply[#reply + 2] = ids[n], value
    end
  end
  if #ids == 0 then return reply end
  bulk('HDEL', keys[2], ids)
  bulk('ZADD', keys[4], stamps)
  redis.call('PEXPIRE', keys[4], TAKEN_MS)
  add_bytes(keys, -bytes)
  -- How fast a queue is worked off says how long its hopper lasts without MySQL.
  redis.call('HINCRBY', keys[3], 'taken', #ids)
  return reply
end

-- args: of each job: id, score, attempt, value. What was taken and not claimed comes back.
local function give_back(keys, args)
  local ids = {}
  for i = 1, #args, 4 do ids[#ids + 1] = args[i] end
  bulk('ZREM', keys[4], ids)
  local score, id = offer_bound(keys)
  local added = put(keys, args, 1, score, id, now_ms())
  if added > 0 then redis.call('PUBLISH', keys[7], added) end
  return added
end

-- args: of each job: id, updated_at. Its version of then, and any before it, is out of the hopper;
-- one that is newer stays. No newer offer is stale, also when the job was taken a moment ago.
local function forget(keys, args)
  local ids, gone = {}, {}
  for i = 1, #args, 2 do ids[#ids + 1] = args[i] end
  for n, value in ipairs(bulk('HMGET', keys[2], ids)) do
    local version = args[2 * n]
    if not (value and updated_at(value) > tonumber(version)) then gone[#gone + 1] = ids[n] end
    redis.call('ZADD', keys[8], 'GT', version, ids[n])
  end
  redis.call('ZREMRANGEBYRANK', keys[8], 0, -GONE_MAX - 1)
  redis.call('PEXPIRE', keys[8], GONE_MS)
  bulk('ZREM', keys[4], gone)
  bulk('ZREM', keys[1], gone)
  return (discard(keys, gone))
end

-- args: token, how long (ms) it may take. Returns 'busy' while another's is under way, else 'go',
-- the time (ms), the horizon's score and id (empty: none), and how many jobs and bytes are held.
local function refill_begin(keys, args)
  if redis.call('EXISTS', keys[6]) == 1 then return {'busy'} end
  redis.call('HSET', keys[6], 'token', args[1])
  redis.call('PEXPIRE', keys[6], args[2])
  local found = redis.call('HMGET', keys[3], 'score', 'id', 'bytes')
  return {'go', now_ms(), found[1] or '', found[2] or '', redis.call('ZCARD', keys[1]),
    tonumber(found[3] or '0')}
end

-- args: token, 1 when the read met the end, most jobs, most bytes, then of each job that was read,
--       in order: id, score, attempt, value. Nothing read and no end: the refill is called off.
-- Returns 'lost' when the token is no longer the refill's, else 'done' and how many went in.
local function refill_end(keys, args)
  local begun = redis.call('HMGET', keys[6], 'token', 'score', 'id')
  if begun[1] ~= args[1] then return {'lost', 0} end
  redis.call('DEL', keys[6])
  local score_h, id_h = horizon(keys)
  if args[2] == '1' then
    score_h, id_h = INFINITE, ''
  elseif #args > 4 then
    score_h, id_h = tonumber(args[#args - 2]), args[#args - 3] .. '!'
  end
  if not score_h then return {'done', 0} end
  if begun[2] and below(tonumber(begun[2]), begun[3], score_h, id_h) then
    score_h, id_h = tonumber(begun[2]), begun[3]
  end
  set_horizon(keys, score_h, id_h)
  cut(keys, score_h, id_h)
  local added = put(keys, args, 5, score_h, id_h, now_ms())
  trim(keys, tonumber(args[3]), tonumber(args[4]))
  -- What was offered meanwhile may be within reach only now.
  if redis.call('EXISTS', keys[1]) == 1 then redis.call('PUBLISH', keys[7], added) end
  return {'done', added}
end

-- The outage mode is one state for the whole install. Keys: 1 replicas, hash: of each API process
-- until when (ms) its report counts and whether it reaches MySQL; and since when reports come.
-- 2 outage, hash: phase, mark (us, MySQL's time: what has to be applied before the next phase), since.
-- args: the process, '1' when it reaches MySQL, the phase and the mark that it knows ('' for none).
-- Returns the phase ('' for none), its mark, since when (ms), how many report, how many reach MySQL.
local REPORT_MS = 5000
local FORGET_MS = 60000
local ENDED = 'none'

local function report(keys, args)
  local now = now_ms()
  local first = tonumber(redis.call('HGET', keys[1], 'first') or now)
  redis.call('HSET', keys[1], 'first', first, args[1], string.format('%d %s', now + REPORT_MS, args[2]))
  redis.call('PEXPIRE', keys[1], FORGET_MS)
  local all, live, reaching = redis.call('HGETALL', keys[1]), 0, 0
  for i = 1, #all, 2 do
    local until_ms, reaches = string.match(all[i + 1], '^(%d+) (%d)$')
    if until_ms then
      if tonumber(until_ms) < now then
        redis.call('HDEL', keys[1], all[i])
      else
        live = live + 1
        reaching = reaching + tonumber(reaches)
      end
    end
  end
  local found = redis.call('HMGET', keys[2], 'phase', 'mark', 'since')
  if not found[1] and args[3] ~= '' and args[3] ~= ENDED then
    -- Redis lost what was known; who ended an outage would have left a word of it.
    found = {args[3], args[4], now}
    redis.call('HSET', keys[2], 'phase', found[1], 'mark', found[2], 'since', found[3])
  end
  local phase = found[1] or ENDED
  -- One that has just come may be the only one that reports, and not the only one there is.
  if reaching == 0 and phase ~= 'down' and (phase ~= ENDED or now - first >= REPORT_MS) then
    local since = phase == ENDED and now or found[3]
    redis.call('HSET', keys[2], 'phase', 'down', 'mark', 0, 'since', since)
    found, phase = {'down', '0', since}, 'down'
  end
  return {phase, tonumber(found[2] or 0), tonumber(found[3] or 0), live, reaching}
end

-- args: the phase and the mark that were read, the new ones. Nothing changes when another was quicker.
local function step(keys, args)
  local found = redis.call('HMGET', keys[1], 'phase', 'mark')
  if (found[1] or ENDED) ~= args[1] or (found[2] or '0') ~= args[2] then return 0 end
  redis.call('HSET', keys[1], 'phase', args[3], 'mark', args[4])
  if args[3] == ENDED then redis.call('HSET', keys[1], 'since', now_ms()) end
  return 1
end

-- Those that make room may run even when memory is full: else it would stay so.
local function register(name, callback, flags)
  redis.register_function{function_name = name .. '_VERSION', callback = callback, flags = flags}
end

register('jh_offer', offer, {})
register('jh_refuse', refuse, {'allow-oom'})
register('jh_take', take, {'allow-oom'})
register('jh_give_back', give_back, {})
register('jh_forget', forget, {'allow-oom'})
register('jh_refill_begin', refill_begin, {'allow-oom'})
register('jh_refill_end', refill_end, {})
-- With no rows it needs no room, and may end when there is none.
register('jh_refill_call_off', refill_end, {'allow-oom'})
register('jh_report', report, {'allow-oom'})
register('jh_step', step, {'allow-oom'})
