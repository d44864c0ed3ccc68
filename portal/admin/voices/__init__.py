"""Voice provisioning: the pages at /admin/voice-provisioning."""

PERMISSION = "voices.view_voice"
MAY_PROVISION = "voices.change_voice"  # voices of the catalogue, and the jobs on them
MAY_ENGINE = "voices.change_enginechannel"  # versions, training, promotion
