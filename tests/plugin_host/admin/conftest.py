from tests.admin_people import member_of

__all__ = ["member_of"]
