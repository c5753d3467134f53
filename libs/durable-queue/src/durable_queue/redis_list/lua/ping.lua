-- Write something, as a send would: a full, read-only or broken Redis refuses it.
redis.call('SET', P .. ':ping', now, 'PX', 60000)
return 'PONG'
